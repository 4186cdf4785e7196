//! The common checks of all resource types, one check a file. The order itself is `write::resource`; `perform` has
//! passed the caller and access by then, before anything is said about what exists: a stranger learns nothing.

pub(crate) mod access;
pub(crate) mod api_version;
pub(crate) mod audit;
pub(crate) mod body;
pub(crate) mod caller;
pub(crate) mod change;
pub(crate) mod conditions;
pub(crate) mod delete;
pub(crate) mod derived;
pub(crate) mod granting_body;
pub(crate) mod linked;
pub(crate) mod list;
pub(crate) mod locks;
pub(crate) mod nested;
pub(crate) mod place;
pub(crate) mod read;
pub(crate) mod sent;
pub(crate) mod spelling;
pub(crate) mod tags;
pub(crate) mod unserved;
pub(crate) mod wanted;
pub(crate) mod write;
