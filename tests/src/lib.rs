//! What crosses the crates: conformance of both adapters and the quickstart. The code of the
//! README is compiled and run here.

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
