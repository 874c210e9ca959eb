//! The probes, one file each.

pub(super) mod context;
pub(super) mod embeddings;
pub(super) mod prefill;
pub(super) mod schema;
pub(super) mod streaming;
pub(super) mod system;
pub(super) mod tools;
pub(super) mod vision;
