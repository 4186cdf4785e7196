//! Ways to listen for a workload: on what, and how nobody else gets there.

pub mod loopback;
