//! What is answered over HTTP.

pub mod gauges;
