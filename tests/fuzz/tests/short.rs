//! Every target over its seeds and over mutations of them: what can be done in seconds on any compiler.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::panic::catch_unwind;
use std::path::Path;

use fastrand::Rng;
use tenon_fuzz::TARGETS;

/// Mutations of all seeds of a target together; TENON_ITERATIONS for more.
const ITERATIONS: u64 = 40_000;

#[test]
fn seeds_and_mutations() {
    let number = |name, default| std::env::var(name).map_or(default, |text| text.parse().unwrap());
    let (seed, iterations) = (number("TENON_SEED", 20_261_122), number("TENON_ITERATIONS", ITERATIONS));
    for (name, target) in TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(name);
        let mut files: Vec<_> =
            std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let seeds: Vec<Vec<u8>> = files.iter().map(|file| std::fs::read(file).unwrap()).collect();
        assert!(seeds.len() >= 8, "{name} has {} seeds", seeds.len());
        seeds.iter().for_each(|octets| run(name, target, octets));
        let mut random = Rng::with_seed(seed);
        for _ in 0..iterations {
            run(name, target, &mutation(&seeds, &mut random));
        }
        println!("{name}: {} seeds, {iterations} mutations, TENON_SEED={seed}", seeds.len());
    }
}

fn run(name: &str, target: fn(&[u8]), octets: &[u8]) {
    if catch_unwind(|| target(octets)).is_err() {
        let path = std::env::temp_dir().join(format!("tenon-fuzz-{name}"));
        std::fs::write(&path, octets).unwrap();
        panic!("{name} fails over {}", path.display());
    }
}

/// A seed with a few octets changed, taken out, put in, or taken from another seed.
fn mutation(seeds: &[Vec<u8>], random: &mut Rng) -> Vec<u8> {
    let mut octets = seeds[random.usize(..seeds.len())].clone();
    for _ in 0..random.usize(1..6) {
        let place = random.usize(..=octets.len());
        match random.u8(..6) {
            0 if place < octets.len() => octets[place] = random.u8(..),
            1 if place < octets.len() => octets[place] ^= 1 << random.u8(..8),
            2 if place < octets.len() => drop(octets.remove(place)),
            3 => octets
                .insert(place, *random.choice(&[0, 1, 0xc0, 0xff, b'*', b'.', b'\\', b'"', b' ']).unwrap()),
            4 => octets.truncate(place),
            _ => {
                let other = &seeds[random.usize(..seeds.len())];
                let start = random.usize(..=other.len());
                let end = (start + random.usize(..20)).min(other.len());
                octets.splice(place..place, other[start..end].iter().copied());
            }
        }
    }
    octets
}
