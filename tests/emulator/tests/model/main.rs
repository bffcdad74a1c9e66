//! The rules of the model, one file for each group of them.

mod client;
mod control;
mod faults;
mod lives;
mod logins;
mod oauth2;
mod profiles;
mod records;
mod rotation;
mod seeds;
mod targets;
