//! `bonafide host list`

use super::deciding;
use crate::client::ClientOptions;
use crate::data_dir::DataDir;
use crate::{DataDirOption, Failure, block_on, print, say};
use bonafide_host::bindings::BindingLine;
use bonafide_host::{HostLine, HostOrder, ListedBindings, list_bindings};
use bonafide_types::{printable_json, printable_lines};
use serde_json::json;

pub(super) fn run(option: &DataDirOption, client: &ClientOptions, json: bool) -> Result<(), Failure> {
    let (hosts, ListedBindings { bindings, notes }, is_here) = block_on(async {
        let hosts = deciding::hosts(option, client, HostOrder::List).await;
        // Of a control plane elsewhere there is nothing on this machine.
        let dir = DataDir::at(option).ok().filter(|dir| !client.is_elsewhere() && dir.host.socket().exists());
        let bindings = match &dir {
            Some(dir) => list_bindings(&dir.host).await,
            None => Ok(ListedBindings::default()),
        };
        // A host that cannot tell of itself still tells what is attached.
        let (hosts, bindings) = match (hosts, bindings) {
            (Ok(hosts), bindings) => (hosts, bindings?),
            (Err(why), Ok(mut bindings)) if dir.is_some() => {
                bindings.notes.insert(0, why.to_string());
                (Vec::new(), bindings)
            }
            (Err(why), _) => return Err(why),
        };
        Ok::<_, Failure>((hosts, bindings, dir.is_some()))
    })??;
    if json {
        print(&format!(
            "{}\n",
            printable_json(&json!({ "hosts": hosts, "bindings": bindings, "notes": notes }).to_string())
        ));
        return Ok(());
    }
    print(&text(&hosts, &bindings));
    if hosts.is_empty() && notes.is_empty() {
        say(
            "there is no host; `bonafide host token create --host NAME --resource-group GROUP` makes one, and the token with \
             which a machine joins as it",
        );
    }
    if bindings.is_empty() && is_here {
        say("nothing is attached on this machine; `bonafide host attach` does that");
    }
    notes.iter().for_each(|note| say(note));
    Ok(())
}

fn text(hosts: &[HostLine], bindings: &[BindingLine]) -> String {
    let mut text: String = hosts.iter().map(super::line).collect();
    if !bindings.is_empty() {
        text += "\nAttached on this machine:\n";
        text.extend(bindings.iter().map(|binding| binding_line(binding, &binding.state)));
    }
    text
}

/// A binding on a line.
pub(super) fn binding_line(binding: &BindingLine, state: &str) -> String {
    let BindingLine { id, workload, place, dialect, note, since, configured, rules, .. } = binding;
    let note = note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
    let configured = if *configured { ", of the configuration file" } else { "" };
    let rules = rules.as_ref().map(|mode| format!(", rules: {mode}")).unwrap_or_default();
    printable_lines(&format!(
        "{id}  {place}  {dialect}  {state}{note}  {workload}  (since {since}{configured}{rules})\n"
    ))
    .into_owned()
}
