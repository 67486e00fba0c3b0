//! The login by a scanned code: shown, scanned, confirmed, and exchanged once by the program that knows the verifier.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::state::{Device, Stage};
use super::{DriveRefusal, OPEN115_APP_ID, RequestFields, refuse, tokens};
use crate::sandbox::grants::hex_word;
use crate::sandbox::json::Json;
use crate::sandbox::world::World;

const VERIFIER_LENGTH: std::ops::RangeInclusive<usize> = 43..=128;

/// `POST /open/authDeviceCode`.
pub fn begin(world: &mut World, sent: &RequestFields) -> Result<String, DriveRefusal> {
    let app_id = sent.field("client_id");
    if app_id != OPEN115_APP_ID {
        world.counters.violations.unknown_app += 1;
        return refuse(40_140_100, "client_id 错误");
    }
    let challenge = sent.field("code_challenge");
    if challenge.is_empty() {
        world.counters.violations.bad_parameter += 1;
        return refuse(40_140_101, "code_challenge 必填");
    }
    // The live platform also takes two methods that no one should use.
    if sent.field("code_challenge_method") != "sha256" {
        world.counters.violations.bad_parameter += 1;
        return refuse(40_140_102, "code_challenge_method 必须是 sha256、sha1、md5 之一");
    }
    let issued_ms = world.now_ms();
    let stage = if world.open115.settings.confirms_at_once { Stage::Confirmed(0) } else { Stage::Waiting };
    let uid = format!("{:08}{}", world.next_answer(), hex_word(32, &mut world.random));
    let device = Device {
        app_id: app_id.to_owned(),
        challenge: challenge.to_owned(),
        time: (issued_ms / 1000).to_string(),
        sign: hex_word(40, &mut world.random),
        issued_ms,
        stage,
    };
    let answer = Json::object(|json| {
        json.string("uid", &uid);
        json.raw("time", &device.time);
        json.string("qrcode", &format!("https://115.com/scan/dg-{uid}"));
        json.string("sign", &device.sign);
    });
    world.open115.devices.insert(uid, device);
    Ok(answer)
}

/// `GET /get/status/`. Answers at once, where the live platform waits for something to happen.
pub fn status(world: &mut World, sent: &RequestFields) -> Result<String, DriveRefusal> {
    let now_ms = world.now_ms();
    let Some(device) = world.open115.devices.get(sent.field("uid")) else {
        return refuse(40_199_002, "key invalid");
    };
    if sent.field("sign") != device.sign || sent.field("time") != device.time {
        world.counters.violations.wrong_signature += 1;
        return refuse(40_140_103, "签名错误");
    }
    let (status, text) = match device.stage {
        _ if !device.lives(now_ms) => return refuse(40_199_002, "key invalid"),
        Stage::Denied | Stage::Exchanged => return refuse(40_199_002, "key invalid"),
        Stage::Waiting => (0, "等待扫码"),
        Stage::Scanned => (1, "扫码成功，等待确认"),
        Stage::Confirmed(_) => (2, "登录成功"),
    };
    Ok(Json::object(|json| {
        json.number("status", status);
        json.string("msg", text);
        json.string("version", "0.0.1");
    }))
}

/// `POST /open/deviceCodeToToken`.
pub fn exchange(world: &mut World, sent: &RequestFields) -> Result<String, DriveRefusal> {
    let now_ms = world.now_ms();
    let verifier = sent.field("code_verifier");
    if !VERIFIER_LENGTH.contains(&verifier.len()) {
        world.counters.violations.bad_parameter += 1;
        return refuse(40_140_112, "code_verifier 长度错误");
    }
    let Some(device) = world.open115.devices.get_mut(sent.field("uid")) else {
        return refuse(40_140_105, "授权码无效");
    };
    if device.challenge != STANDARD.encode(Sha256::digest(verifier.as_bytes())) {
        world.counters.violations.wrong_signature += 1;
        return refuse(40_140_113, "code_verifier 校验失败");
    }
    let account = match device.stage {
        Stage::Exchanged => {
            world.counters.violations.spent_code += 1;
            return refuse(40_140_105, "授权码无效");
        }
        _ if !device.lives(now_ms) => return refuse(40_140_105, "授权码无效"),
        Stage::Confirmed(account) => account,
        Stage::Waiting | Stage::Scanned | Stage::Denied => return refuse(40_140_104, "二维码未授权"),
    };
    device.stage = Stage::Exchanged;
    let app_id = device.app_id.clone();
    let token = tokens::grant(world, account, &app_id);
    Ok(tokens::pair(&token, now_ms))
}
