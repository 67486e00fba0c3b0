//! What verbs and web answers show alike: JSON for programs, words and numbers for people. A name in a JSON answer, once
//! there, stays.

pub mod runs;
pub mod status;
pub mod text;
pub mod token;
