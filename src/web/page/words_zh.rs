//! The page in Chinese.

use super::moment::Length;
use super::words::Words;
use crate::auth::policy::OwnerReason;
use crate::domain::moment;
use crate::domain::record::Record;
use crate::store::ledger::windows::WindowState;
use crate::web::overview::Freshness;

pub(super) const WORDS: Words = Words {
    name: "中文",
    navigation: "页面",
    log_in: "登录",
    log_out: "退出登录",
    silent: "shopsync 没有应答，下面的内容是旧的；页面会自动重试。",
    database_away: "数据库没有应答",
    database_away_more: "数据不会丢失：守护进程会等待数据库恢复后自动继续。本页每十秒重试一次。",

    ago: |span| format!("{}前", length(span)),
    ahead: |span| format!("{}后", length(span)),
    lasting: length,

    no_shops: "还没有店铺",
    no_shops_more: "请在 config.toml 中写入应用和店铺，再运行 `shopsync auth login 店铺名` 完成授权。",
    all_fresh: |shops, oldest| format!("全部 {shops} 家店铺的数据都是最新的{}", oldest_part(oldest)),
    some_fresh: |fresh, all, oldest| format!("{all} 家店铺中有 {fresh} 家是最新的{}。", oldest_part(oldest)),
    none_read: |shops| format!("{shops} 家店铺都没有定时读取的数据，只维持 token"),
    have_failed: |shops| format!("{} 家店铺上次运行失败：{}。", shops.len(), shops.join("、")),
    need_owner: |shops| format!("{} 家店铺需要店主处理：{}", shops.len(), shops.join("、")),
    are_late: |shops| format!("{} 家店铺的数据落后：{}", shops.len(), shops.join("、")),
    and: |first, second| format!("{first}。{second}"),
    first_sync: |shops| format!("正在首次读取：{}", shops.join("、")),
    owner_soon: |shops| format!("{} 家店铺近期需要留意：{}。", shops.len(), shops.join("、")),

    needed: "需要谁处理",
    authorise: "尚未授权。",
    owner_reason: |reason| reason_in_words(reason).to_owned(),
    works_until: |at| format!("可用到 {} UTC。", moment::to_minute(at)),
    nothing_works: "在此期间不读取该店铺，数据不会丢失。",
    take_over: "数据库是复制或恢复出来的：token 可用，但不会续期。确认原数据库不再使用后运行：",
    authorise_before: |at, days| {
        format!("剩余 {days} 天：店主须在 {} UTC 之前重新授权。", moment::to_minute(at))
    },
    wait: |trouble, again_at| {
        let again = again_at
            .map_or_else(|| "下次使用时".to_owned(), |at| format!("{} UTC 之后", moment::to_minute(at)));
        format!("暂时无需处理。上次续期没有成功（{trouble}），将在{again}重试。")
    },
    unreadable: |error| format!("无法读取该店铺的 token：{error}。其他店铺不受影响。"),
    not_granted: |record| format!("平台没有把「{}」授权给此应用。请在控制台添加后重新授权。", name(record)),
    granting: |granting| granting.chinese,
    open_console: "打开控制台",
    then_run: "然后在服务器上运行：",

    shops: "店铺",
    shop: "店铺",
    token: "Token",
    record: name,
    not_kept: "不保存",
    freshness: |freshness| match freshness {
        Freshness::Fresh => "最新",
        Freshness::Late => "落后",
        Freshness::Loading => "首次读取",
        Freshness::Never => "尚未读取",
        Freshness::Waiting => "等待授权",
        Freshness::Off => "未授权",
        Freshness::ByHand => "手动",
    },
    run: "运行于",
    running: "运行中",
    next: "下次",
    rows: |rows| format!("已存 {rows} 条"),
    gap: |state, windows| match state {
        WindowState::Planned => format!("{windows} 个历史窗口待读"),
        WindowState::Reading => format!("{windows} 个窗口正在读取"),
        WindowState::Failed => format!("{windows} 个窗口失败"),
        WindowState::Short => format!("{windows} 个窗口不完整"),
        WindowState::Unreachable => format!("{windows} 个窗口因时间过早，平台不再提供"),
        WindowState::Complete | WindowState::Split => format!("{windows} 个窗口已读"),
    },
    from: "，始于",
    set_aside: |rows| format!("{rows} 条已隔离"),
    extras_unreadable: |rows| format!("{rows} 条的金额或库存读不出"),
    amounts_due: |orders| format!("{orders} 单金额待取"),
    last_run_failed: "上次运行失败",
    sync_now: "立即同步",
    paused: "已暂停",
    starting: "正在启动…",
    reading: "正在读取：{rows} 条",
    refused: "无法启动",

    never_authorised: "未授权",
    needs_owner: "需要店主",
    token_unreadable: "无法读取",
    days_left: |days| format!("剩余 {days} 天"),
    renews_itself: "自动续期",

    orders_per_day: "每日订单",
    chart_summary: |sum, most, today| {
        format!("30 天共 {sum} 单，单日最多 {most} 单，今天到目前 {today} 单（UTC）。")
    },
    day: "日期（UTC）",
    orders: "订单",
    as_table: "以表格查看",
    so_far: "到目前",

    recent_runs: "最近的运行",
    no_runs: "还没有。",
    started: "开始",
    outcome: "结果",
    took: "用时",
    seen_written: "读到 / 写入",
    outcome_word: |outcome| match outcome {
        None => "运行中",
        Some("ok") => "成功",
        Some("failed") => "失败",
        Some("mended") => "已补齐",
        Some(_) => "中断",
    },
};

fn reason_in_words(reason: OwnerReason) -> &'static str {
    match reason {
        OwnerReason::AccessEnded => "access token 已到期，且该授权没有 refresh token。",
        OwnerReason::AccessRefused => "平台拒绝了 access token，且无法续期。",
        OwnerReason::NoRefreshToken => "该授权没有 refresh token，无法续期。",
        OwnerReason::RefreshRefused => "平台拒绝了 refresh token。",
        OwnerReason::AnswerLost => "续期的应答丢失了，而平台只给一次。",
        OwnerReason::OtherAccount => "token 属于另一个账号。",
    }
}

fn oldest_part(oldest: Option<chrono::TimeDelta>) -> String {
    oldest.map_or_else(String::new, |span| format!("，其中最旧的是 {}前的", length(span)))
}

fn length(span: chrono::TimeDelta) -> String {
    match Length::of(span) {
        Length::Seconds(seconds) => format!("{seconds} 秒"),
        Length::Minutes(minutes) => format!("{minutes} 分钟"),
        Length::Hours(hours) => format!("{hours} 小时"),
        Length::Days(days) => format!("{days} 天"),
    }
}

fn name(record: Record) -> &'static str {
    match record {
        Record::Orders => "订单",
        Record::Products => "商品",
        Record::AfterSales => "售后",
        Record::Activities => "活动",
    }
}
