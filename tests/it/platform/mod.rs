//! The clients of the platforms, over real HTTP.

pub(super) mod answers;
pub(super) mod conversations;
pub(super) mod http;
pub(super) mod large_bodies;
pub(super) mod no_certificates;
pub(super) mod odd_bodies;
pub(super) mod odd_times;
pub(super) mod own_platform;
pub(super) mod temu_asked;
pub(super) mod temu_records;
pub(super) mod temu_refusals;
pub(super) mod xiaohongshu;
