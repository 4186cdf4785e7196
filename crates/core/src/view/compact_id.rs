//! ARM ids in a third of their room: there is one for every managed identity, and nearly all of its
//! text is the same in all of them.

use bonafide_types::{ResourceId, SubscriptionId};

/// An ARM id, spelled as it was written.
///
/// ASCII stands for itself, as ids have nothing else; a byte from `WORD` on for one of `WORDS`; and
/// `SUBSCRIPTION` for the segment's name, before the sixteen bytes of the GUID.
#[derive(Clone)]
pub(super) struct CompactId(Box<[u8]>);

const WORD: u8 = 0x80;
const SUBSCRIPTION: u8 = 0xff;

/// Frequent parts of ids, in their usual spelling. Any other text takes its own length. Kept in memory only, so that
/// the order is free; longer ones stand before their beginnings.
const WORDS: [&str; 8] = [
    "/resourceGroups/",
    "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/",
    "/providers/Microsoft.Compute/virtualMachines/",
    "/providers/Microsoft.Compute/virtualMachineScaleSets/",
    "/providers/Microsoft.ContainerInstance/containerGroups/",
    "/providers/Microsoft.HybridCompute/machines/",
    "/providers/Microsoft.Web/sites/",
    "/providers/Microsoft.",
];

impl CompactId {
    pub(super) fn new(id: &ResourceId) -> Self {
        let mut bytes = Vec::with_capacity(64);
        let mut rest = id.as_str();
        if let Some((subscription, tail)) = subscription(rest) {
            bytes.push(SUBSCRIPTION);
            bytes.extend_from_slice(subscription.uuid().as_bytes());
            rest = tail;
        }
        while let Some(first) = rest.bytes().next() {
            let word = (WORD..).zip(WORDS).find_map(|(byte, word)| Some((byte, rest.strip_prefix(word)?)));
            let (byte, tail) = word.unwrap_or_else(|| (first, &rest[1..]));
            bytes.push(byte);
            rest = tail;
        }
        Self(bytes.into())
    }

    /// The id as it was written.
    pub(super) fn open(&self) -> ResourceId {
        let mut text = String::new();
        let mut rest = &*self.0;
        if let Some((guid, tail)) = rest.strip_prefix(&[SUBSCRIPTION]).and_then(<[u8]>::split_first_chunk) {
            text.push_str(&prefix(SubscriptionId::new(uuid::Uuid::from_bytes(*guid))));
            rest = tail;
        }
        for byte in rest {
            match byte.checked_sub(WORD) {
                Some(word) => text.push_str(WORDS[usize::from(word)]),
                None => text.push(char::from(*byte)),
            }
        }
        ResourceId::parse(&text).unwrap_or_else(|_| unreachable!("it was made of an id"))
    }
}

/// The subscription at the beginning of an id that spells it as we do, and the rest.
fn subscription(text: &str) -> Option<(SubscriptionId, &str)> {
    let (_, guid) = text.get(.."/subscriptions/".len() + 36)?.rsplit_once('/')?;
    let subscription = guid.parse().ok()?;
    Some((subscription, text.strip_prefix(&prefix(subscription))?))
}

fn prefix(subscription: SubscriptionId) -> String {
    format!("/subscriptions/{subscription}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GROUP: &str = "/subscriptions/72f988bf-86f1-41af-91ab-2d7cd011db47/resourceGroups/rg";

    fn compact(text: &str) -> CompactId {
        CompactId::new(&ResourceId::parse(text).unwrap())
    }

    #[test]
    fn an_identity_takes_little_more_than_its_names() {
        let id = compact(&format!("{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/web"));
        assert_eq!(id.0.len(), 1 + 16 + 1 + "rg".len() + 1 + "web".len());
    }

    #[test]
    fn every_word_is_an_ids_and_none_hides_another() {
        for (at, word) in WORDS.iter().enumerate() {
            assert!(word.is_ascii() && word.starts_with('/'));
            assert!(!WORDS[..at].iter().any(|earlier| word.starts_with(earlier)), "{word}");
        }
    }

    proptest! {
        #[test]
        fn an_id_comes_back_as_it_was_written(
            start in prop_oneof![
                Just(GROUP.to_owned()), Just(GROUP.to_ascii_uppercase()), Just(GROUP.to_ascii_lowercase()),
                Just(GROUP[..51].to_owned()), Just(String::new()),
            ],
            parts in proptest::collection::vec(
                (0..WORDS.len(), "[a-zA-Z.]{1,12}/[a-z]{1,3}", "[ -~]{1,12}", any::<bool>()), 0..3,
            ),
        ) {
            let parts = parts.into_iter().map(|(word, kind, name, known)| match WORDS[word] {
                word if known && word.ends_with('/') => format!("{word}{name}"),
                _ => format!("/providers/Microsoft.{kind}/{name}"),
            });
            let text = std::iter::once(start).chain(parts).collect::<String>();
            if let Ok(id) = ResourceId::parse(&text) {
                let opened = CompactId::new(&id).open();
                prop_assert_eq!(opened.as_str(), id.as_str());
            }
        }
    }
}
