#![no_main]
libfuzzer_sys::fuzz_target!(|octets: &[u8]| tenon_fuzz::transfer(octets));
