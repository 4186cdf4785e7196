//! `/metadata/instance`: from the newest document of a machine to any api-version, any element and either format
//! (docs/wire/instance.md). The document comes with what `/metadata/loadbalancer` tells.

mod element;
mod members;

use crate::azures::version;
use crate::load_balancer;
use crate::refusal::{DocumentError, Refusal};
use bonafide_wire::{Parameters, Reply};
use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

const JSON: &str = "application/json; charset=utf-8";

/// The path of the whole document.
pub(crate) const PATH: &str = "/metadata/instance";

/// Answers that are kept of one document. Source: ours; a few times as many elements as an agent asks for.
const ANSWERS_KEPT_MAX: usize = 64;
/// Longest path and query of an answer that is kept, in bytes. Source: ours.
const KEPT_KEY_BYTES_MAX: usize = 512;

/// The newest document of one machine, with the answers that were made of it.
pub(crate) struct Instance {
    etag: String,
    /// As it is written: a host may have a thousand, and read they are several times as large.
    document: Box<str>,
    /// The answer of `/metadata/loadbalancer`, where there is one.
    load_balancer: Option<Value>,
    answers: RwLock<BTreeMap<Box<str>, Answer>>,
}

#[derive(Clone)]
struct Answer {
    content_type: &'static str,
    body: Bytes,
}

/// The format of an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Text,
}

impl Instance {
    /// The document that the control plane gave with an etag.
    pub(crate) fn read(etag: &str, document: &[u8]) -> Result<Self, serde_json::Error> {
        let mut document: Value = serde_json::from_slice(document)?;
        let load_balancer = document.as_object_mut().and_then(|members| members.shift_remove(load_balancer::MEMBER));
        let document = document.to_string().into();
        Ok(Self { etag: etag.to_owned(), document, load_balancer, answers: RwLock::default() })
    }

    /// The control plane's name for this state of the document.
    pub(crate) fn etag(&self) -> &str {
        &self.etag
    }

    /// The answer to a request for `path`, the whole or an element below it.
    pub(crate) fn answer(&self, path: &str, query: &str) -> Result<Reply, Refusal> {
        let key = format!("{path}?{query}");
        let known = self.answers.read().unwrap_or_else(PoisonError::into_inner).get(key.as_str()).cloned();
        let answer = match known {
            Some(answer) => answer,
            None => self.make(key, path, query)?,
        };
        Ok(Reply::bytes(StatusCode::OK, answer.content_type, answer.body))
    }

    fn make(&self, key: String, path: &str, query: &str) -> Result<Answer, Refusal> {
        let answer = match path {
            load_balancer::PATH => {
                let body = load_balancer::show(self.load_balancer.as_ref(), query)?;
                Answer { content_type: JSON, body }
            }
            _ => self.element(path, query)?,
        };
        if key.len() <= KEPT_KEY_BYTES_MAX {
            let mut answers = self.answers.write().unwrap_or_else(PoisonError::into_inner);
            if answers.len() >= ANSWERS_KEPT_MAX {
                answers.clear();
            }
            answers.insert(key.into(), answer.clone());
        }
        Ok(answer)
    }

    fn element(&self, path: &str, query: &str) -> Result<Answer, Refusal> {
        let parameters = Parameters::parse(query)?;
        let asked_version = version(&parameters)?;
        let format = format(&parameters)?;
        // It was read before, and is what came of that.
        let mut document = serde_json::from_str(&self.document).unwrap_or_default();
        members::cut(&mut document, asked_version);
        let below = path.strip_prefix(PATH).unwrap_or_default();
        let element = element::find(&document, below).ok_or(Refusal::NotFound)?;
        match format {
            Format::Text => {
                Ok(Answer { content_type: "text/plain; charset=utf-8", body: element::text(element).into() })
            }
            Format::Json if element::is_branch(element) => {
                Ok(Answer { content_type: JSON, body: element.to_string().into() })
            }
            Format::Json => Err(DocumentError::LeafAsJson.into()),
        }
    }
}

fn format(parameters: &Parameters) -> Result<Format, DocumentError> {
    match parameters.get("format").unwrap_or_default() {
        "" => Ok(Format::Json),
        text if text.eq_ignore_ascii_case("json") => Ok(Format::Json),
        text if text.eq_ignore_ascii_case("text") => Ok(Format::Text),
        _ => Err(DocumentError::Format),
    }
}

#[cfg(test)]
mod tests;
