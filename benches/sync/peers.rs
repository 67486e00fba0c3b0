//! What others need for the same rows: a bare copy by a script of a few lines, in the machine's own Python.

use anyhow::{Context, ensure};
use tokio::process::Command;

use crate::program::{Program, SCHEMA};

/// Orders a second of a bare copy of the orders and their lines into an empty database of the same kind. Nothing where
/// this machine has no Python for it, which is said.
pub async fn bare_copy(program: &Program) -> anyhow::Result<Option<f64>> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/bare_copy.py");
    let output = Command::new("python3")
        .arg(script)
        .arg(program.database())
        .arg(program.folder())
        .arg(SCHEMA)
        .output()
        .await;
    let Ok(output) = output else {
        eprintln!("SKIPPED: this machine has no python3, so nothing is compared");
        return Ok(None);
    };
    let error = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(69) {
        eprintln!("SKIPPED: {}", error.trim());
        return Ok(None);
    }
    ensure!(output.status.success(), "bare_copy.py failed: {error}");
    let text = String::from_utf8(output.stdout)?;
    Ok(Some(text.trim().parse().with_context(|| format!("bare_copy.py printed {text}"))?))
}
