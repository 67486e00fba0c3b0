//! The binary: parse, load, trace, dispatch.

fn main() {}
