# The commands people use. `just` lists them.

_list:
    @just --list --unsorted

# Simulated platforms, a daemon and a database; watch orders arrive
demo:
    cargo run -- demo

# The whole suite; narrow it: just test --test it docs
test *ARGS:
    cargo test --workspace {{ARGS}}

# Format, lints and documentation
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --document-private-items

# How fast it is, beside a bare copy of the same rows: just bench -- --orders 20000,200000
bench *ARGS:
    cargo bench {{ARGS}}

# Everything that a change must pass
ci:
    .ci/run

# Rewrite the generated parts of docs/reference/
docs:
    SHOPSYNC_WRITE_DOCS=1 cargo test --test it docs
