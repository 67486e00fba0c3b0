//! Runs a shop's `code_command`: the owner's own program, which gets a new authorisation code without a person. The first line
//! of its output is the code, or the address that the owner was redirected to.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

use crate::auth::login::token_input::{Returned, TokenInputError};
use crate::domain::shop::Shop;

/// How long a command may take.
pub const RUN_MAX: Duration = Duration::from_mins(1);
/// More than any code or address needs.
const STDOUT_BYTES_MAX: usize = 16 * 1024;
/// Further bytes of stderr are dropped.
const STDERR_BYTES_MAX: usize = 16 * 1024;

/// Why the command returned no code. Never contains its output.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    #[error("`{program}` could not be started")]
    NotStarted {
        program: String,
        #[source]
        source: io::Error,
    },
    #[error("it did not end within {} s and was killed", run_max.as_secs())]
    TooLong { run_max: Duration },
    #[error("it printed more than {STDOUT_BYTES_MAX} bytes")]
    TooMuch,
    #[error("could not read its output")]
    Unreadable(#[source] io::Error),
    #[error("it ended with {status}")]
    Failed { status: ExitStatus },
    #[error("its first line is not a code")]
    NoCode(#[source] TokenInputError),
    #[error("the address it printed has the `state` of another login")]
    OtherLogin,
    #[error("this program is stopping")]
    Stopped,
}

/// Runs the command without a shell, and reads the code that it prints. `state` is part of `authorize_url`, and the printed
/// address must have it too. After `run_max` the command is killed, with all processes it started.
pub async fn run(
    shop: &Shop,
    authorize_url: &str,
    state: &str,
    run_max: Duration,
    cancel: &CancellationToken,
) -> Result<SecretString, CommandError> {
    let (mut printed, mut stderr_bytes) = (Vec::new(), Vec::new());
    let ended = tokio::select! {
        ended = tokio::time::timeout(run_max, execute(shop, authorize_url, &mut printed, &mut stderr_bytes)) => {
            ended.unwrap_or(Err(CommandError::TooLong { run_max }))
        }
        () = cancel.cancelled() => Err(CommandError::Stopped),
    };
    let printed = SecretString::from(String::from_utf8_lossy(&printed).into_owned());
    let line = SecretString::from(printed.expose_secret().lines().next().unwrap_or_default().trim());
    let code = Returned::parse(&line).map(|returned| returned.code);
    log_stderr(shop, &stderr_bytes, [&line, code.as_ref().unwrap_or(&line)]);
    let status = ended?;
    if !status.success() {
        return Err(CommandError::Failed { status });
    }
    if !came_from(&line, state) {
        return Err(CommandError::OtherLogin);
    }
    code.map_err(CommandError::NoCode)
}

async fn execute(
    shop: &Shop,
    authorize_url: &str,
    printed: &mut Vec<u8>,
    stderr_bytes: &mut Vec<u8>,
) -> Result<ExitStatus, CommandError> {
    let (program, arguments) = shop.code_command.split_first().ok_or_else(|| CommandError::NotStarted {
        program: String::new(),
        source: io::ErrorKind::InvalidInput.into(),
    })?;
    let mut command = Command::new(program);
    // Our own settings may hold secrets, which the command must not get.
    for (name, _) in std::env::vars_os() {
        let is_ours = |name: &str| name.starts_with("SHOPSYNC_") || name == "CREDENTIALS_DIRECTORY";
        if name.to_str().is_some_and(is_ours) {
            command.env_remove(name);
        }
    }
    let mut child = command
        .args(arguments)
        .env("SHOPSYNC_SHOP", &shop.name)
        .env("SHOPSYNC_AUTH_URL", authorize_url)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|source| CommandError::NotStarted { program: program.clone(), source })?;
    let mut group = Group::of(&child);
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    tokio::try_join!(read_limited(stdout, printed), drain(stderr, stderr_bytes))?;
    let status = child.wait().await.map_err(CommandError::Unreadable)?;
    group.leader = None;
    Ok(status)
}

async fn read_limited(pipe: Option<impl AsyncRead + Unpin>, into: &mut Vec<u8>) -> Result<(), CommandError> {
    let Some(pipe) = pipe else {
        return Ok(());
    };
    let read = pipe.take(STDOUT_BYTES_MAX as u64 + 1).read_to_end(into).await;
    match read.map_err(CommandError::Unreadable)? {
        read if read > STDOUT_BYTES_MAX => Err(CommandError::TooMuch),
        _ => Ok(()),
    }
}

/// Reads to the end, so that the command never waits for a full pipe. Keeps the beginning.
async fn drain(pipe: Option<impl AsyncRead + Unpin>, into: &mut Vec<u8>) -> Result<(), CommandError> {
    let Some(mut pipe) = pipe else {
        return Ok(());
    };
    let mut chunk = [0; 1024];
    loop {
        let read = pipe.read(&mut chunk).await.map_err(CommandError::Unreadable)?;
        if read == 0 {
            return Ok(());
        }
        let kept = read.min(STDERR_BYTES_MAX.saturating_sub(into.len()));
        into.extend_from_slice(&chunk[..kept]);
    }
}

/// The command and the processes it started. Killed on drop, unless the command has ended by itself.
struct Group {
    leader: Option<Pid>,
}

impl Group {
    fn of(child: &Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self { leader: id.and_then(Pid::from_raw) }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.leader {
            // It may have ended just now, which is fine.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

/// Logs stderr. A code that the command repeats there must not get into the log.
fn log_stderr(shop: &Shop, stderr_bytes: &[u8], secrets: [&SecretString; 2]) {
    for line in String::from_utf8_lossy(stderr_bytes).lines() {
        let text = secrets.iter().map(|secret| secret.expose_secret()).filter(|secret| !secret.is_empty());
        let text = text.fold(line.to_owned(), |line, secret| line.replace(secret, "[code]"));
        tracing::debug!(shop = %shop.name, "code_command of `{}`: {text}", shop.name);
    }
}

/// Whether an address has our state. True for a bare code, and for an address without a state.
fn came_from(line: &SecretString, state: &str) -> bool {
    let Ok(address) = url::Url::parse(line.expose_secret()) else {
        return true;
    };
    address.query_pairs().find(|(name, _)| name == "state").is_none_or(|(_, found)| found == state)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::shop::ShopOptions;

    async fn run_script(script: &str, run_max: Duration) -> Result<String, CommandError> {
        let shop = Shop {
            name: "acme".to_owned(),
            app: "app".to_owned(),
            platform: "temu",
            zone: String::new(),
            account: None,
            records: Vec::new(),
            options: ShopOptions { amounts: false, detail: false, stock_detail: false },
            code_command: ["sh", "-c", script].map(str::to_owned).to_vec(),
        };
        let cancel = CancellationToken::new();
        let ran = run(&shop, "https://example.com/grant?state=mine", "mine", run_max, &cancel).await;
        ran.map(|code| code.expose_secret().to_owned())
    }

    #[tokio::test]
    async fn the_first_line_is_the_code_or_the_address_it_came_back_with() {
        for (script, expected) in [
            ("echo code-1; echo more", "code-1"),
            ("echo '  code-2  '", "code-2"),
            ("echo \"https://shop.example.com/back?code=c%2B3&state=mine\"", "c+3"),
            ("echo https://shop.example.com/back?code=c4", "c4"),
            ("echo $SHOPSYNC_SHOP", "acme"),
            ("echo $SHOPSYNC_AUTH_URL | sed s/.*state=//", "mine"),
            ("echo talk >&2; echo code-5", "code-5"),
        ] {
            assert_eq!(run_script(script, RUN_MAX).await.unwrap(), expected, "{script}");
        }
    }

    #[tokio::test]
    async fn each_fault_has_its_message_and_the_output_is_never_quoted() {
        for (script, expected) in [
            ("", "its first line is not a code"),
            ("echo; echo code-1", "its first line is not a code"),
            ("echo two words", "its first line is not a code"),
            ("printf '\\377\\376 \\000'", "its first line is not a code"),
            ("echo code-1; exit 3", "it ended with exit status: 3"),
            ("echo https://shop.example.com/back?code=c1'&'state=other", "another login"),
            ("yes", "it printed more than 16384 bytes"),
        ] {
            let error = run_script(script, RUN_MAX).await.unwrap_err();
            assert!(error.to_string().contains(expected), "{script}: {error}");
        }
    }

    #[tokio::test]
    async fn a_command_that_hangs_is_killed_with_all_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let id = folder.path().join("id");
        let script = format!("sleep 1000 & echo $! > {}; wait", id.display());
        let error = run_script(&script, Duration::from_secs(1)).await.unwrap_err();
        assert!(matches!(error, CommandError::TooLong { .. }), "{error}");

        let id = std::fs::read_to_string(id).unwrap();
        let state = format!("/proc/{}/stat", id.trim());
        // Killed at once, but the system may need a moment to remove it.
        for _ in 0..3000 {
            if std::fs::read_to_string(&state).is_ok_and(|text| !text.contains(") Z ")) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            } else {
                return;
            }
        }
        panic!("a process that the command started still runs");
    }

    #[tokio::test]
    async fn long_output_on_stderr_does_not_block() {
        let script = "head -c 300000 /dev/zero | tr '\\0' x >&2; echo code-1";
        assert_eq!(run_script(script, RUN_MAX).await.unwrap(), "code-1");
    }
}
