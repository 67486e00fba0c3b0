//! The schema, one change per file.
