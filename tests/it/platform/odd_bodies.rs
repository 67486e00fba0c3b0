//! Bodies as the field sends them: refusals at HTTP 400 and 500, other charsets, compression nobody asked for, text that
//! is almost JSON. Each is one conversation over real HTTP with a client of a platform.

use std::io::Write;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use encoding_rs::{BIG5, GBK};
use flate2::Compression;
use flate2::write::GzEncoder;
use shopsync::clock::Clock;
use shopsync::domain::record::{Lane, Record};
use shopsync::domain::window::Window;
use shopsync::exit::Exit;
use shopsync::platform::{
    AppSettings, Page, PageQuery, Platform, PlatformError, Range, Reach, Rejection, Row, profile,
};
use tokio::net::TcpListener;

use crate::platform::answers::{access, now};
use crate::support::app_settings::app_settings;

type Headers = Vec<(HeaderName, &'static str)>;

/// Every list of both platforms: platform, record, names of the list and of a row's number.
const LISTS: [(&str, Record, &str, &str); 7] = [
    ("temu", Record::Orders, "pageItems", "parentOrderSn"),
    ("temu", Record::Products, "goodsList", "goodsId"),
    ("temu", Record::AfterSales, "data", "parentAfterSalesSn"),
    ("temu", Record::Activities, "activityList", "activityId"),
    ("xiaohongshu", Record::Orders, "orderList", "orderId"),
    ("xiaohongshu", Record::Products, "data", "id"),
    ("xiaohongshu", Record::AfterSales, "afterSaleBasicInfos", "returnsId"),
];

/// The answer of a list with these rows, in the platform's own frame.
fn framed(platform: &str, list: &str, rows: &[String]) -> String {
    let (count, rows) = (rows.len(), rows.join(","));
    let content =
        format!(r#"{{"total":{count},"totalItemNum":{count},"totalCount":{count},"{list}":[{rows}]}}"#);
    in_frame(platform, &content)
}

fn in_frame(platform: &str, content: &str) -> String {
    match platform {
        "temu" => format!(r#"{{"success":true,"errorCode":1000000,"errorMsg":"","result":{content}}}"#),
        _ => format!(r#"{{"success":true,"error_code":0,"error_msg":"","data":{content}}}"#),
    }
}

/// A row of a list; `more` are further members of it.
fn row(platform: &str, record: Record, number: &str, more: &str) -> String {
    match (platform, record) {
        ("temu", Record::Orders) => format!(
            r#"{{"parentOrderMap":{{"parentOrderSn":"{number}","parentOrderStatus":2}},"orderList":[]{more}}}"#
        ),
        ("xiaohongshu", Record::Products) => {
            format!(
                r#"{{"item":{{"id":"I-{number}"}},"sku":{{"id":"{number}","itemId":"I-{number}"{more}}}}}"#
            )
        }
        _ => {
            let (.., name) = LISTS.iter().find(|(of, is, ..)| *of == platform && *is == record).unwrap();
            format!(r#"{{"{name}":"{number}"{more}}}"#)
        }
    }
}

#[tokio::test]
async fn one_value_that_is_no_json_costs_its_row_at_most_and_never_the_page() {
    for (platform, record, list, _) in LISTS {
        for odd in [
            "NaN",
            "-Infinity",
            "Infinity",
            "0x1F",
            "undefined",
            "'single'",
            r#""it\'s""#,
            r#""C:\x""#,
            "\"a\tb\u{1}\"",
            "[1,2,]",
            "{\"a\":1,}",
            "+1",
            ".5",
            "True",
            "None",
        ] {
            let rows: Vec<String> = (0..12)
                .map(|at| {
                    let more = if at == 5 { format!(",\"zzOdd\":{odd}") } else { String::new() };
                    row(platform, record, &format!("N-{at}"), &more)
                })
                .collect();
            let server = Server::start(200, vec![], framed(platform, list, &rows)).await;
            let page = server.first_page(platform, record).await;
            let page = page.unwrap_or_else(|error| panic!("{platform} {record} {odd}: {error}"));
            let readable = page.rows.iter().filter(|row| matches!(row, Row::Readable(_))).count();
            assert!(readable >= 11, "{platform} {record} {odd}: {readable}");
        }
    }
}

#[tokio::test]
async fn text_behind_the_json_is_left_out_and_of_doubled_members_the_last_counts() {
    for (platform, record, list, _) in LISTS {
        let whole = framed(platform, list, &[row(platform, record, "N-1", ",\"zz\":1,\"zz\":2")]);
        for body in [
            format!("{whole}<!-- node 7 -->"),
            format!("{whole}\n\nWarning: mysql"),
            format!("{whole}{whole}"),
            format!("\u{feff}{whole}"),
            whole.replacen("\"success\":true", "\"success\":false,\"success\":true", 1),
        ] {
            let server = Server::start(200, vec![], body.clone()).await;
            let page = server.first_page(platform, record).await;
            assert!(!page.unwrap_or_else(|error| panic!("{error}: {body}")).rows.is_empty(), "{body}");
        }
        let server = Server::start(200, vec![], whole[..whole.len() - 3].to_owned()).await;
        let cut = server.first_page(platform, record).await.unwrap_err();
        assert!(matches!(cut, PlatformError::NoAnswer { .. }), "{cut}");
    }
}

#[tokio::test]
async fn an_empty_list_is_an_empty_page_however_it_is_written() {
    for (platform, record, list, _) in LISTS {
        for content in [
            "null".to_owned(),
            "{}".to_owned(),
            "[]".to_owned(),
            "\"\"".to_owned(),
            r#"{"total":0,"totalItemNum":0,"totalCount":0}"#.to_owned(),
            format!(r#"{{"total":0,"totalItemNum":0,"totalCount":0,"{list}":null}}"#),
            format!(r#"{{"total":null,"{list}":null}}"#),
            format!(r#"{{"{list}":[]}}"#),
            format!(r#"{{"{list}":{{}}}}"#),
            r#"{"pageNo":1,"pageSize":100}"#.to_owned(),
        ] {
            let server = Server::start(200, vec![], in_frame(platform, &content)).await;
            let page = server.first_page(platform, record).await;
            let page = page.unwrap_or_else(|error| panic!("{platform} {record} {content}: {error}"));
            assert_eq!((page.total, page.rows.len()), (0, 0), "{platform} {record} {content}");
        }
        let absent = in_frame(platform, "0").replace(",\"result\":0", "").replace(",\"data\":0", "");
        let page = Server::start(200, vec![], absent).await.first_page(platform, record).await.unwrap();
        assert_eq!((page.total, page.rows.len()), (0, 0), "{platform} {record} absent");
        for content in [r#"{"rows":[{"a":1}]}"#, r#"{"total":3,"totalItemNum":3,"totalCount":3}"#, "7"] {
            let server = Server::start(200, vec![], in_frame(platform, content)).await;
            let error = server.first_page(platform, record).await.unwrap_err();
            assert!(
                matches!(error, PlatformError::Malformed { .. }),
                "{platform} {record} {content}: {error}"
            );
        }
    }
}

#[tokio::test]
async fn a_list_as_an_object_with_numbered_members_is_its_values_in_order() {
    for (platform, record, list, _) in LISTS {
        let rows = |at| row(platform, record, &format!("N-{at}"), "");
        let whole = framed(platform, list, &[]);
        let numbered = format!("{{\"2\":{},\"0\":{},\"10\":{}}}", rows(2), rows(0), rows(10));
        let server = Server::start(200, vec![], whole.replace("[]", &numbered)).await;
        let page = server.first_page(platform, record).await.unwrap();
        let mut numbers: Vec<&str> = page
            .rows
            .iter()
            .filter_map(|row| match row {
                Row::Readable(row) => Some(row.number.as_str()),
                Row::Unreadable(_) => None,
            })
            .filter(|number| number.starts_with('N'))
            .collect();
        numbers.dedup();
        assert_eq!(numbers, ["N-0", "N-2", "N-10"], "{platform} {record}");
    }
}

#[tokio::test]
async fn a_body_in_another_charset_is_decoded_and_what_is_no_text_costs_its_row_alone() {
    for (platform, record, list, _) in LISTS {
        let name = "王小明，北京市朝阳区建国路";
        let body = framed(platform, list, &[row(platform, record, "N-1", &format!(",\"zz\":\"{name}\""))]);
        for (bytes, content_type) in [
            (GBK.encode(&body).0.into_owned(), "application/json;charset=GBK"),
            (GBK.encode(&body).0.into_owned(), "application/json;charset=utf-8"),
            (
                BIG5.encode(&body.replace("阳", "陽").replace("国", "國").replace("区", "區")).0.into_owned(),
                "text/json; charset=big5",
            ),
            (body.clone().into_bytes(), "application/json"),
        ] {
            let server = Server::start(200, vec![(CONTENT_TYPE, content_type)], bytes).await;
            let page = server.first_page(platform, record).await.unwrap();
            let kept = page.rows.iter().any(|row| match row {
                Row::Readable(row) => row.raw.contains("王小明，北京市朝") && !row.raw.contains('\u{fffd}'),
                Row::Unreadable(_) => false,
            });
            assert!(kept, "{platform} {record} {content_type}: {:?}", page.rows);
        }

        let odd = row(platform, record, "N-2", ",\"zz\":\"ab\"");
        let body = framed(platform, list, &[row(platform, record, "N-1", ""), odd]).into_bytes();
        let at = body.windows(4).position(|bytes| bytes == b"\"ab\"").unwrap();
        let damaged = [&body[..=at], b"\xff", &body[at + 2..]].concat();
        let page = Server::start(200, vec![], damaged).await.first_page(platform, record).await.unwrap();
        let unreadable: Vec<_> = page
            .rows
            .iter()
            .filter_map(|row| match row {
                Row::Unreadable(row) => Some((row.number.as_deref(), row.reason.as_str(), row.raw.as_str())),
                Row::Readable(_) => None,
            })
            .collect();
        let [(number, reason, raw)] = unreadable[..] else { panic!("{platform} {record}: {:?}", page.rows) };
        assert_eq!(number, Some("N-2"), "{platform} {record}");
        assert!(reason.contains("no text in the charset"), "{reason}");
        assert!(raw.contains("\\udcff") && !raw.contains('\u{fffd}'), "{raw}");
    }
}

#[tokio::test]
async fn gzip_is_requested_and_read_also_unasked_or_unnamed() {
    let body = framed("temu", "pageItems", &[row("temu", Record::Orders, "N-1", "")]);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body.as_bytes()).unwrap();
    let gzip = encoder.finish().unwrap();
    for (bytes, headers) in [
        (gzip.clone(), vec![(CONTENT_ENCODING, "gzip")]),
        (gzip.clone(), vec![]),
        (body.into_bytes(), vec![]),
    ] {
        let server = Server::start(200, headers, bytes).await;
        assert_eq!(server.first_page("temu", Record::Orders).await.unwrap().rows.len(), 1);
        assert_eq!(server.heard().get(ACCEPT_ENCODING), Some(&HeaderValue::from_static("gzip")));
    }
    for (bytes, encoding, why) in [
        (gzip[..gzip.len() / 2].to_vec(), "gzip", "cut off or damaged"),
        (vec![0x0b, 0x02, 0x80], "br", "`br`"),
        (vec![0x28, 0xb5, 0x2f, 0xfd], "zstd", "`zstd`"),
        (vec![0x78, 0x9c, 0x01], "deflate", "`deflate`"),
    ] {
        let server = Server::start(200, vec![(CONTENT_ENCODING, encoding)], bytes).await;
        let error = server.first_page("temu", Record::Orders).await.unwrap_err();
        assert!(matches!(&error, PlatformError::NoAnswer { what, .. } if what.contains(why)), "{error}");
    }
}

#[tokio::test]
async fn a_refusal_in_json_is_read_by_the_code_table_at_every_http_status() {
    let temu =
        |code: i64, text: &str| format!(r#"{{"success":false,"errorCode":{code},"errorMsg":"{text}"}}"#);
    let xhs =
        |code: i64, text: &str| format!(r#"{{"success":false,"error_code":{code},"error_msg":"{text}"}}"#);
    for (platform, body, exit) in [
        ("temu", temu(3_000_030, "access token expired"), Exit::NeedsOwner),
        ("temu", temu(3_000_032, "no access"), Exit::BadConfig),
        ("temu", temu(3_000_001, "sign"), Exit::BadConfig),
        ("temu", temu(5_000_003, "ip"), Exit::BadConfig),
        ("xiaohongshu", xhs(401, "accessToken expired"), Exit::NeedsOwner),
        ("xiaohongshu", xhs(403, "应用无权限调用该接口"), Exit::BadConfig),
        ("xiaohongshu", xhs(-1, "sign签名校验失败"), Exit::BadConfig),
        ("xiaohongshu", xhs(-1, "ip不在白名单"), Exit::BadConfig),
    ] {
        for status in [200, 400, 401, 403, 404, 405, 500, 503] {
            let server = Server::start(status, vec![], body.clone()).await;
            let error = server.first_page(platform, Record::Orders).await.unwrap_err();
            assert_eq!(Exit::of_platform(&error), exit, "{status} {body}: {error}");
        }
    }
    for body in ["<html>403</html>", "", "{}", r#"{"message":"no Route matched"}"#, r#"{"status":403}"#] {
        for platform in ["temu", "xiaohongshu"] {
            let server = Server::start(403, vec![], body).await;
            let error = server.first_page(platform, Record::Orders).await.unwrap_err();
            assert!(
                matches!(error, PlatformError::Unavailable { status: 403 }),
                "{platform} {body}: {error}"
            );
        }
    }
}

#[tokio::test]
async fn an_unlisted_code_that_asks_for_patience_is_tried_again_by_its_kind() {
    for platform in ["temu", "xiaohongshu"] {
        for (message, is_throttle) in [
            ("系统繁忙，请稍后再试", false),
            ("請求過於頻繁", true),
            ("Too Many Requests", true),
            ("Gateway TIMEOUT", false),
        ] {
            let body = format!(
                r#"{{"success":false,"errorCode":88001,"errorMsg":"{message}","error_code":88001,"error_msg":"{message}"}}"#
            );
            let server = Server::start(200, vec![], body).await;
            let error = server.first_page(platform, Record::Orders).await.unwrap_err();
            let is_passing = match &error {
                PlatformError::Throttled { .. } => is_throttle,
                PlatformError::Rejected { why, .. } => *why == Rejection::Passing && !is_throttle,
                _ => false,
            };
            assert!(is_passing, "{platform} {message}: {error:?}");
        }
    }
}

#[tokio::test]
async fn a_row_or_a_number_that_is_too_long_is_reported_by_its_beginning_and_not_kept() {
    for (platform, record, list, _) in LISTS {
        let long_number = "7".repeat(1_000_000);
        let long_row = format!(",\"zz\":\"{}\"", "x".repeat(5 * 1024 * 1024));
        let rows = [
            row(platform, record, "N-1", ""),
            row(platform, record, &long_number, ""),
            row(platform, record, "N-3", &long_row),
        ];
        let server = Server::start(200, vec![], framed(platform, list, &rows)).await;
        let page = server.first_page(platform, record).await.unwrap();
        let mut unreadable = 0;
        for row in &page.rows {
            match row {
                Row::Readable(row) => assert!(row.raw.len() < 1_000, "{platform} {record}"),
                Row::Unreadable(row) => {
                    unreadable += 1;
                    assert!(row.raw.len() < 2_000 && row.reason.len() < 1_000, "{platform} {record}");
                    assert!(row.number.as_ref().is_none_or(|number| number.len() <= 128));
                    assert!(row.reason.contains("more than"), "{}", row.reason);
                }
            }
        }
        assert!(unreadable >= 2, "{platform} {record}: {unreadable}");
    }
}

/// Says the same to every call, bytes and headers as a test wants them.
struct Server {
    address: String,
    heard: Arc<std::sync::Mutex<HeaderMap>>,
}

impl Server {
    async fn start(status: u16, headers: Headers, body: impl Into<Vec<u8>>) -> Self {
        let heard = Arc::new(std::sync::Mutex::new(HeaderMap::new()));
        let (log, body) = (heard.clone(), body.into());
        let reply = async move |headers_sent: HeaderMap| {
            *log.lock().unwrap() = headers_sent;
            let mut response = Response::new(Body::from(body));
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            for (name, value) in headers {
                response.headers_mut().insert(name, HeaderValue::from_static(value));
            }
            response
        };
        let router = Router::new().fallback(reply);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/router", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, heard }
    }

    fn heard(&self) -> HeaderMap {
        self.heard.lock().unwrap().clone()
    }

    fn connect(&self, platform: &str) -> Arc<dyn Platform> {
        let zone = if platform == "temu" { "us" } else { "" };
        let settings =
            AppSettings { zone: zone.to_owned(), ..app_settings(&self.address, &Clock::manual(now())) };
        (profile(platform).unwrap().connect)(settings).unwrap()
    }

    async fn first_page(&self, platform: &str, record: Record) -> Result<Page, PlatformError> {
        let client = self.connect(platform);
        let source = client.source(record).unwrap();
        let range = match &source.paging().reach {
            Reach::Lists(lists) => Range::List(lists[0]),
            Reach::Windows(_) => {
                let window = Window::new(now() - chrono::TimeDelta::minutes(10), now()).unwrap();
                Range::Window { lane: Lane::Update, window, status: None }
            }
        };
        source.page(&access(), &PageQuery { range, page: 1, page_size: 100 }).await
    }
}
