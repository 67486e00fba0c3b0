//! Everything that needs more than one module.
