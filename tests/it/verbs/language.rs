//! `check` and `auth` speak Chinese where the environment asks for it, in every line; JSON stays as it is.

use chrono::TimeDelta;
use secrecy::ExposeSecret;
use serde_json::json;
use shopsync::clock::Clock;
use shopsync::sandbox::{Fault, FaultKind, Platform, Sandbox, SandboxSettings};

use crate::support::databases::{TestDatabase, both_databases};
use crate::support::program::Program;

/// What a verb said on stdout and stderr, and what it ended with.
async fn said(program: &Program, words: &[&str], stdin: &str) -> (String, Option<i32>) {
    let path = program.folder.path().join("stdin");
    std::fs::write(&path, stdin).unwrap();
    let mut command = program.command(words);
    command.env("LC_ALL", "zh_CN.UTF-8").stdin(std::fs::File::open(&path).unwrap());
    let output = command.output().await.unwrap();
    (String::from_utf8([output.stdout, output.stderr].concat()).unwrap(), output.status.code())
}

/// Three words of small letters in a row, outside of what is quoted, of the log and of what the system itself says.
fn english_sentence(text: &str) -> Option<&str> {
    const OF_OTHERS: [&str; 3] = ["event=", "（原文）", "(os error"];
    let lines = text.lines().filter(|line| !OF_OTHERS.iter().any(|mark| line.contains(mark)));
    let mut parts = lines.flat_map(|line| line.split('`').step_by(2));
    let is_word = |word: &&str| word.len() > 1 && word.chars().all(|char| char.is_ascii_lowercase());
    parts.find(|part| {
        let words: Vec<&str> = part.split(' ').collect();
        words.windows(3).any(|three| three.iter().all(is_word))
    })
}

both_databases! {
    async fn no_line_of_check_and_auth_is_left_in_english(test: TestDatabase) {
        let settings = SandboxSettings { clock: Clock::system(), ..SandboxSettings::default() };
        let sandbox = Sandbox::start(settings).await.unwrap();
        let program = Program::with(&sandbox, test.settings.url.expose_secret(), "");
        let issue = |platform| sandbox.world().with(|world| world.issue_token(platform, 0));
        let grant = issue(Platform::Xiaohongshu);
        let grant = json!({ "access_token": grant.access, "refresh_token": grant.refresh,
            "access_token_expires_at": grant.access_ends_ms, "refresh_token_expires_at": grant.refresh_ends_ms });
        let soon = (Clock::system().now() + TimeDelta::days(2)).timestamp_millis();
        let token = json!({ "access_token": issue(Platform::Temu).access, "access_token_expires_at": soon });
        let (grant, token) = (grant.to_string(), token.to_string());

        let steps: &[(&[&str], &str, i32, &str)] = &[
            (&["check", "--offline"], "", 0, "未打开：--offline"),
            (&["check"], "", 0, "尚未授权"),
            (&["auth", "status"], "", 0, "从未授权"),
            (&["auth", "token", "xhs-shop"], "", 77, "从未授权：请运行"),
            (&["auth", "set", "xhs-shop", "--from", "-"], "two words", 65, "单独的令牌里没有这些"),
            (&["auth", "set", "xhs-shop", "--from", "nothing"], "", 65, "无法读取 nothing"),
            (&["auth", "set", "temu-shop", "--from", "-"], "token-of-nobody", 65, "令牌未被接受"),
            (&["auth", "set", "xhs-shop", "--from", "-"], &grant, 0, "自动续期至"),
            (&["auth", "login", "temu-shop"], &token, 0, "然后把得到的内容粘贴到这里"),
            (&["auth", "code", "xhs-shop", "code-nobody-knows"], "", 65, "授权码未被接受"),
            (&["auth", "code", "xhs-shop", "https://b.example.com/?code=c&state=none"], "", 65, "不属于我们给出的任何链接"),
            (&["auth", "import", "xhs-shop", "-"], &grant, 2, "请加上 --yes"),
            (&["auth", "qr", "temu-shop"], "", 2, "没有可扫的码"),
            (&["auth", "qr", "xhs-shop"], "", 78, "扫码地址要写明商家"),
            (&["auth", "status"], "", 0, "目前不需要任何人做任何事"),
            (&["auth", "refresh", "xhs-shop"], "", 0, "令牌有效至"),
            (&["auth", "take-over", "*"], "", 0, "本来就属于这里"),
            (&["auth", "rotate-key"], "", 0, "重新加密"),
            (&["check"], "", 0, "签名调用得到了应答"),
            (&["auth", "clear", "xhs-shop"], "", 0, "已在本地清除"),
            (&["auth", "clear", "xhs-shop"], "", 0, "没有可清除的内容"),
            (&["auth", "token", "xsh-shop"], "", 2, "是不是 `xhs-shop`"),
        ];
        for (words, stdin, code, part) in steps {
            let (said, ended) = said(&program, words, stdin).await;
            assert_eq!(ended, Some(*code), "{words:?}: {said}");
            assert!(said.contains(part), "{words:?}: {said}");
            assert_eq!(english_sentence(&said), None, "{words:?}: {said}");
        }
        sandbox.world().with(|world| world.add_fault(Fault::new(FaultKind::NotGranted).at("bg.order.list.v2.get")));
        let (said, _) = said(&program, &["check"], "").await;
        // What the platform itself says stands in it as it came.
        assert!(said.contains("授权不包含这个接口（") && said.contains("请在平台控制台勾选"), "{said}");
    }

    async fn json_is_the_same_in_every_language(test: TestDatabase) {
        let sandbox = Sandbox::start(SandboxSettings { clock: Clock::system(), ..SandboxSettings::default() }).await.unwrap();
        let program = Program::with(&sandbox, test.settings.url.expose_secret(), "");
        for words in [&["check", "--offline", "--json"][..], &["auth", "status", "--json"]] {
            // The times of the next runs may move between the two.
            let without_times = |text: &str| text.split_inclusive(" run ").map(|part| part.get(20..).unwrap_or(part).to_owned()).collect::<Vec<_>>();
            let english = program.output(words).await;
            let chinese = program.command(words).env("LC_ALL", "zh_CN.UTF-8").output().await.unwrap();
            let [english, chinese] = [english, chinese].map(|output| String::from_utf8(output.stdout).unwrap());
            assert_eq!(without_times(&chinese), without_times(&english));
            assert!(chinese.is_ascii(), "{chinese}");
        }
    }
}
