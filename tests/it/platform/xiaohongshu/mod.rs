//! Xiaohongshu's products, stock and after-sales cases.

mod asked;
mod heard;
mod stored;
