//! One small file per family of fields: how they are measured on the wire, read from text, and written as text.

pub(super) mod address;
pub(super) mod apl;
pub(super) mod bitmap;
pub(super) mod encoded;
pub(super) mod eui;
pub(super) mod gateway;
pub(super) mod hip;
pub(super) mod loc;
pub(super) mod locator;
pub(super) mod mnemonic;
pub(super) mod name;
pub(super) mod nsap;
pub(super) mod number;
pub(super) mod string;
pub(super) mod svcb;
pub(super) mod time;
pub(super) mod wks;
