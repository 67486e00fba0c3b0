//! A process of its own: the test binary, started again with one test and its task in the environment.

use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// Runs `test`, its whole path, with `task` in the environment variable `variable`.
pub(crate) fn of_this_binary(test: &str, variable: &str, task: &Value) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(variable, task.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}
