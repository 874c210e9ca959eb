//! Tests of the whole folder, one file a side.

mod answers;
mod bodies;
mod requests;
mod streams;
