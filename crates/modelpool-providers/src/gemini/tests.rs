//! Tests of the whole folder, by what they look at.

mod answers;
mod bodies;
mod limits;
mod requests;
mod round;
mod streams;
mod thinking;
