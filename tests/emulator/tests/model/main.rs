//! The rules of the model, one file for each group of them.

mod control;
mod faults_in_transit;
mod ledger_records;
mod oauth2;
mod password_logins;
mod profile_answers;
mod rotation;
mod seeds;
mod target_apis;
mod test_client;
mod token_lives;
