//! `bonafide host detach`

use super::list::binding_line;
use super::place;
use crate::data_dir::DataDir;
use crate::{Failure, block_on, print};
use bonafide_host::bindings::{BindingLine, Which};
use bonafide_types::BindingId;
use clap::Args;

#[derive(Args)]
pub(super) struct Options {
    /// The binding with this id
    #[arg(long, value_name = "ID")]
    binding: Option<BindingId>,
    /// All bindings of a workload
    #[arg(long, value_name = "ID|NAME")]
    workload: Option<String>,
    #[command(flatten)]
    place: place::Options,
}

pub(super) fn run(dir: &DataDir, options: &Options) -> Result<(), Failure> {
    let which = match (&options.binding, &options.workload, options.place.is_none()) {
        (Some(id), None, true) => Which::Binding(*id),
        (None, Some(workload), true) => Which::Workload(workload.clone()),
        (None, None, false) => Which::Place(options.place.place(&place::Chosen::default())?),
        _ => return Err("say what to detach: --binding, --workload, or the place that was attached".into()),
    };
    let ended = block_on(bonafide_host::detach(&dir.host, which))??;
    // A note is about the time when it was attached.
    let ended = ended.into_iter().map(|ended| BindingLine { note: None, ..ended });
    print(&ended.map(|ended| binding_line(&ended, "detached")).collect::<String>());
    Ok(())
}
