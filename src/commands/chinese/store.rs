//! What can go wrong with the database, the key and the places tokens are kept in.

use crate::auth::keys::file::KeyError;
use crate::auth::keys::key::KeyFormatError;
use crate::auth::keys::seal::SealError;
use crate::auth::store::file::FileStoreError;
use crate::store::StoreError;
use crate::store::db::cause::{Cause, Trouble};

pub(super) const TOKEN_STORE: &str = "令牌存储没有完成要求的操作";

pub(super) fn error(error: &StoreError) -> String {
    match error {
        StoreError::Unavailable { .. } => "数据库不可用".to_owned(),
        StoreError::Busy { attempts, .. } => format!("数据库连续 {attempts} 次忙"),
        StoreError::Refused { .. } => "数据库拒绝了操作".to_owned(),
        StoreError::LeaseLost { key } => format!("{key} 的租约已失去"),
        StoreError::NoSuchWindow { id } => format!("账簿里没有打开的窗口 {id}"),
        StoreError::UnknownShop { shop } => format!("店铺 `{shop}` 不在数据库中"),
        StoreError::UnknownKind => "数据库地址必须以 `sqlite:` 或 `postgres:` 开头".to_owned(),
        StoreError::Address { .. } => "无法读懂数据库地址".to_owned(),
        StoreError::InMemory => "内存数据库对每个连接都是另一个：请指定一个文件".to_owned(),
        StoreError::FileReplaced { file } => format!(
            "数据库文件 `{}` 在打开期间被移走或替换；请放回原处，或重启 shopsync 以使用现有的文件",
            file.display()
        ),
        StoreError::DiskFull { file } => {
            format!("数据库文件 `{}` 所在的磁盘已满：请腾出空间", file.display())
        }
        StoreError::Create { file, .. } => format!("无法创建数据库文件 `{}`", file.display()),
        StoreError::Encoding { encoding } => format!(
            "数据库以 {encoding} 保存文字，而 shopsync 需要 UTF8：请用 `CREATE DATABASE shopsync ENCODING 'UTF8' LOCALE 'C' \
             TEMPLATE template0` 另建一个，并写进 `[database] url`"
        ),
        StoreError::Pooler => {
            "shopsync 与数据库之间的连接池让每个事务用不同的会话（PgBouncer 的 `pool_mode = transaction` 或 `statement`）：\
             请为这个数据库设置 `pool_mode = session`，或直接连接数据库服务器"
                .to_owned()
        }
        StoreError::ForeignTable { table, is_postgres: true } => format!(
            "数据库里有另一个程序的表 `{table}`：请运行 `CREATE SCHEMA shopsync`，并在 `[database]` 中设置 `schema = \"shopsync\"`"
        ),
        StoreError::ForeignTable { table, is_postgres: false } => {
            format!("数据库里有另一个程序的表 `{table}`：请在 `[database] url` 中换一个文件")
        }
        StoreError::NoFolder { folder } => format!("数据库所在的文件夹 `{}` 不存在", folder.display()),
        StoreError::NoSchema { schema } => {
            format!("模式 `{schema}` 不存在；请用 `CREATE SCHEMA` 创建，或让 `database.schema` 为空")
        }
        StoreError::SchemaNewer { migration } => {
            format!("数据库由本程序的更新版本创建（其中有 `{migration}`）")
        }
        StoreError::InParts { numbers } => {
            format!("{} 个订单的行只是其明细的一部分：请完整读取这些订单", numbers.len())
        }
        StoreError::UnknownWord { column, found } => format!("`{column}` 的值 `{found}` 不为本版本所知"),
    }
}

/// What the database said itself stays as it is.
pub(super) fn cause(cause: &Cause) -> String {
    match (cause.trouble().map(trouble), cause.said()) {
        (Some(trouble), Some(said)) => format!("{trouble}：{said}"),
        (Some(trouble), None) => trouble.to_owned(),
        (None, said) => said.unwrap_or_default(),
    }
}

fn trouble(trouble: Trouble) -> &'static str {
    match trouble {
        Trouble::Refuses => "服务器拒绝连接：请启动它，或在 `[database] url` 中写对主机和端口",
        Trouble::UnknownHost => "找不到这台主机：请在 `[database] url` 中写对主机名，或检查本服务器的 DNS",
        Trouble::Silent => "没有应答：请检查网络和中间的防火墙",
        Trouble::Tls => "TLS 握手失败：请检查 `[database] url` 里的 `sslmode` 和证书",
        Trouble::Password => "用户名或密码不对：请在 `[database] url` 中改正",
        Trouble::NotAdmitted => "服务器不允许这个用户从这里连接：请检查用户名和服务器上的 `pg_hba.conf`",
        Trouble::NoDatabase => {
            "没有这个数据库：请用 `CREATE DATABASE` 创建，或在 `[database] url` 中写对名字"
        }
        Trouble::NoPermission => {
            "这个用户缺少权限：请执行 `GRANT USAGE, CREATE ON SCHEMA … TO …`，或让它成为数据库的所有者"
        }
        Trouble::TooManyConnections => {
            "服务器没有多余的连接：请减小 `[database]` 的 `connections_max`，或放宽服务器或角色的上限"
        }
        Trouble::PoolInUse => {
            "本进程的连接都在使用中：请增大 `[database]` 的 `connections_max`，或减少同时同步的店铺"
        }
        Trouble::Starting => "服务器正在启动或停止",
        Trouble::ReadOnly => "它不接受写入：这是备库，或被设为只读；请让 `[database] url` 指向可写的服务器",
        Trouble::FileReadOnly => "文件不可写：请检查文件和文件夹的权限，以及文件系统是否只读",
        Trouble::FileNotOpened => "无法打开文件：请检查文件夹是否存在，以及两者的权限",
        Trouble::Full => "磁盘已满：请腾出空间",
        Trouble::Disk => "磁盘读写失败：请检查磁盘和系统日志",
        Trouble::Locked => "另一个程序占着它的锁",
        Trouble::TooSlow => "有一条语句执行得太久",
        Trouble::Damaged => {
            "数据已损坏：请停止 shopsync 并恢复备份，或抢救还能读出的部分（SQLite：`sqlite3 FILE .recover`）"
        }
        Trouble::NotADatabase => "这个文件不是 SQLite 数据库：请在 `[database] url` 中换一个",
        Trouble::Rule => "数据库里的触发器或约束拒绝了写入：如果它不属于本程序，请移除或修改",
        Trouble::Pooler => {
            "中间的连接池没有保持会话（PgBouncer：请设置 `pool_mode = session`），或不接受其中的设置"
        }
    }
}

pub(super) fn key(error: &KeyError) -> String {
    match error {
        KeyError::Read { path, .. } => format!("无法读取密钥文件 `{}`", path.display()),
        KeyError::Format { path, .. } => format!("密钥文件 `{}` 不正确", path.display()),
        KeyError::Lost { path, key_ids } => format!(
            "有用密钥 {} 加密的授权，而 `{}` 处没有密钥文件：请把密钥文件放回，或用 `auth clear` 移除这些授权",
            quoted(key_ids),
            path.display()
        ),
        KeyError::NoneOpens { path, key_ids } => format!(
            "有用密钥 {} 加密的授权，而 `{}` 里没有这些密钥：请放回正确的密钥文件，或用 `auth clear` 移除这些授权",
            quoted(key_ids),
            path.display()
        ),
        KeyError::Vanished { key_id } => format!("新密钥 `{key_id}` 已不在密钥文件里：文件被别人改过"),
        KeyError::Create { path, .. } => format!("无法在 `{}` 创建新的密钥文件", path.display()),
    }
}

pub(super) fn key_format(error: &KeyFormatError) -> String {
    match error {
        KeyFormatError::Empty => "密钥文件里没有密钥".to_owned(),
        KeyFormatError::Line { line } => {
            format!("密钥文件第 {line} 行既不是 `名字:` 加 32 字节的 base64，也不是 64 位十六进制数")
        }
        KeyFormatError::Twice { line, key_id } => format!("密钥文件第 {line} 行第二次出现密钥 `{key_id}`"),
        KeyFormatError::TooMany => "密钥文件里的密钥太多".to_owned(),
    }
}

pub(super) fn seal(error: &SealError) -> String {
    match error {
        SealError::Form => "保存的令牌不是加密格式".to_owned(),
        SealError::KeyMissing { key_id } => format!("保存的令牌由密钥 `{key_id}` 加密，而密钥文件里没有它"),
        SealError::Refused { key_id } => {
            format!("密钥 `{key_id}` 打不开保存的令牌：不是同一个密钥，或记录被改动过")
        }
        SealError::InClear => "保存的令牌是明文，而这里只接受加密的".to_owned(),
        SealError::NoKey => "保存的令牌是加密的，而没有密钥".to_owned(),
        SealError::Random => "系统没有给出随机数".to_owned(),
    }
}

pub(super) fn file_store(error: &FileStoreError) -> String {
    match error {
        FileStoreError::Readable { path, mode, is_folder } => {
            let path = path.display();
            let wanted = if *is_folder { "700" } else { "600" };
            format!("`{path}` 存有令牌，而其他用户可以读取（权限 {mode:o}）：请运行 `chmod {wanted} {path}`")
        }
        FileStoreError::Foreign { path } => {
            format!("`{}` 存有令牌，却属于另一个用户：请用 `chown` 交给运行本程序的用户", path.display())
        }
        FileStoreError::NotPlain { path, .. } => {
            format!("`{}` 不是普通文件：令牌只放在一个文件夹里的普通文件中", path.display())
        }
        FileStoreError::Torn { shop, path, previous, .. } => format!(
            "无法读取 `{}` 里的授权：请放回比上次续期更新的副本，或运行 `shopsync auth clear {shop}` 后重新授权（`shopsync auth status` 会说明方法）。`{}` 是上一对令牌，其刷新令牌可能已用掉",
            path.display(),
            previous.display()
        ),
        FileStoreError::OtherShop { path, found } => {
            format!("`{}` 里是店铺 `{found}` 的授权：请恢复文件原来的名字", path.display())
        }
        FileStoreError::Locked { path } => format!("另一个程序写 `{}` 太久了", path.display()),
        FileStoreError::Io { path, .. } => format!("无法读写 `{}`", path.display()),
    }
}

fn quoted(key_ids: &[String]) -> String {
    let quoted: Vec<String> = key_ids.iter().map(|key_id| format!("`{key_id}`")).collect();
    quoted.join("、")
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::tests::is_translated;
    use super::*;
    use crate::auth::store::TokenStoreError;

    #[test]
    fn every_error_of_a_place_that_keeps_things_is_reported_in_chinese() {
        let text = || "x1".to_owned();
        let path = || PathBuf::from("/srv/x");
        let io = || std::io::Error::from(std::io::ErrorKind::NotFound);
        for error in [
            StoreError::NoSuchWindow { id: 1 },
            StoreError::UnknownShop { shop: text() },
            StoreError::UnknownKind,
            StoreError::Address { source: url::ParseError::EmptyHost },
            StoreError::InMemory,
            StoreError::FileReplaced { file: path() },
            StoreError::DiskFull { file: path() },
            StoreError::Create { file: path(), source: io() },
            StoreError::Encoding { encoding: text() },
            StoreError::Pooler,
            StoreError::ForeignTable { table: text(), is_postgres: true },
            StoreError::ForeignTable { table: text(), is_postgres: false },
            StoreError::NoFolder { folder: path() },
            StoreError::NoSchema { schema: text() },
            StoreError::SchemaNewer { migration: text() },
            StoreError::UnknownWord { column: "c", found: text() },
        ] {
            is_translated(&error);
        }
        for error in [
            KeyError::Read { path: path(), source: io() },
            KeyError::Format { path: path(), source: KeyFormatError::Empty },
            KeyError::Lost { path: path(), key_ids: vec![text()] },
            KeyError::NoneOpens { path: path(), key_ids: vec![text()] },
            KeyError::Vanished { key_id: text() },
            KeyError::Create { path: path(), source: io() },
        ] {
            is_translated(&error);
        }
        let (line, key_id) = (1, text());
        for error in [
            KeyFormatError::Empty,
            KeyFormatError::Line { line },
            KeyFormatError::Twice { line, key_id },
            KeyFormatError::TooMany,
        ] {
            is_translated(&error);
        }
        for error in [
            SealError::Form,
            SealError::KeyMissing { key_id: text() },
            SealError::Refused { key_id: text() },
            SealError::InClear,
            SealError::NoKey,
            SealError::Random,
        ] {
            is_translated(&error);
        }
        for error in [
            FileStoreError::Readable { path: path(), mode: 0o644, is_folder: false },
            FileStoreError::Foreign { path: path() },
            FileStoreError::NotPlain { path: path(), what: "a link" },
            FileStoreError::OtherShop { path: path(), found: text() },
            FileStoreError::Locked { path: path() },
            FileStoreError::Io { path: path(), done: "read", source: io() },
        ] {
            is_translated(&error);
        }
        is_translated(&TokenStoreError::new(io()));
    }
}
