//! `Microsoft.ContainerService`.

pub(crate) mod managed_clusters;
