//! What crosses the crates: the reference model that the model checker and the properties share,
//! conformance of both adapters, and the quickstart. The code of the README is compiled and run here.

pub mod broken;
pub mod fleet;
pub mod fuzz;
pub mod history;
pub mod model;
pub mod profiles;
pub mod world;

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
