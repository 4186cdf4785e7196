//! Bindings: which workload answers at which place, and how nobody else gets there.

mod configuration;
mod kept_rules;
pub mod loopback;
mod place;
mod place_options;
mod registry;
mod row;
mod row_versions;
mod sealed_rows;
mod unix_socket;
mod wanted;

pub use configuration::{Applied, ConfigurationError, Occasion, WantedBindings};
pub use kept_rules::{NotTaken, WantedRules};
pub use place::{NetnsName, Place};
pub use place_options::{PlaceOptions, PlaceOptionsError};
pub use registry::{
    AttachError, BesideError, Bindings, BindingsError, DetachError, PlaceError, PortEndpoint, Which, bound_workloads,
    namespace_file,
};
pub use row::{AttachedBinding, BindingLine, BindingOptions, BindingRow, BindingState, PlaceIdentity};
pub use unix_socket::UnixSocketError;
pub use wanted::{Wanted, WantedError};

pub(crate) use registry::{Attacher, of_namespace};
