//! Tenon beside Knot DNS, NSD and BIND 9 on the same zones; see the library.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::io::Write as _;

use fastrand::Rng;
use tenon_differential_tests::cookie::exchange;
use tenon_differential_tests::report::Cases;
use tenon_differential_tests::{Question, Report, World, names, question, random_zone, zone_file};
use tenon_wire::RrType;

/// A number from the environment, for longer runs and for repeating one.
fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap())
}

fn seed() -> u64 {
    number("TENON_SEED", 20_261_122)
}

/// Types that random zones have or that are answered in a way of their own.
const RANDOM_TYPES: [RrType; 9] = [
    RrType::A,
    RrType::NS,
    RrType::CNAME,
    RrType::DNAME,
    RrType::MX,
    RrType::SOA,
    RrType::DS,
    RrType::NSEC,
    RrType::ANY,
];

#[test]
fn random_zones() {
    let (seed, count) = (seed(), number("TENON_ZONES", 60));
    println!("random zones: TENON_ZONES={count} TENON_SEED={seed}");
    let mut random = Rng::with_seed(seed);
    let zones: Vec<_> =
        (0..count as usize).flat_map(|number| random_zone::zones(number, &mut random)).collect();
    let mut questions = Vec::new();
    for (origin, denial, _) in &zones {
        for name in random_zone::names(3) {
            for rrtype in RANDOM_TYPES {
                let name = format!("{name}{origin}").parse().unwrap();
                questions.push(Question { name, rrtype, edns: (!denial.is_empty()).then_some(true) });
            }
        }
    }
    compare("random", World::new("random", &zones), &questions);
}

#[test]
fn nasty_zones() {
    fixed("nasty", include_str!("../zones/nasty.txt"));
}

#[test]
fn root_zone() {
    fixed("root", include_str!("../zones/root.txt"));
}

#[test]
fn root_zone_with_opt_out() {
    fixed("root_optout", include_str!("../zones/root_optout.txt"));
}

/// Zones that Tenon refuses and two peers take, and the other way round, are those that docs/differences.md tells of.
#[test]
fn flawed_zones() {
    let world = World::new("flawed", &zone_file::read(include_str!("../zones/flawed.txt")));
    let names = |zones: BTreeSet<_>| {
        zones
            .into_iter()
            .map(|zone: &tenon_wire::Name| zone.to_string().replace(".flawed.", ""))
            .collect::<Vec<_>>()
    };
    let refused = names(world.refused());
    assert_eq!(refused, ["dnameatcut", "noservers", "outofzone"]);
    assert_eq!(names(world.taken()), Vec::<String>::new());
    let text = include_str!("../../../docs/differences.md");
    refused.iter().for_each(|name| assert!(text.contains(&format!("| {name} |")), "{name}"));
}

#[test]
fn cookies_are_good_at_every_server_that_has_the_secret() {
    let zones = [(
        "cookies.".into(),
        String::new(),
        "$TTL 300\n@ SOA ns admin 1 2 3 4 60\n@ NS ns\nns A 192.0.2.1\n".into(),
    )];
    let world = World::new("cookies", &zones);
    let (tenon, [knot, _, bind]) = world.addresses();
    let zone = b"\x07cookies\0";
    let client = [1, 2, 3, 4, 5, 6, 7, 8];
    for (name, server) in [("BIND", bind), ("Knot", knot)] {
        // A server gives a cookie back as it came only if it knows it for its own.
        for (giver, taker) in [(server, tenon), (tenon, server)] {
            // Knot says BADCOOKIE to who has none of a server yet.
            let (rcode, given) = exchange(giver, zone, &client);
            assert!([0, 23].contains(&rcode), "{name}: {rcode}");
            assert_eq!((given.len(), &given[..8]), (24, &client[..]), "{name}");
            let (rcode, taken) = exchange(taker, zone, &given);
            assert_eq!((rcode, &taken[..16]), (0, &given[..16]), "{name}");
        }
        let (_, given) = exchange(server, zone, &client);
        assert_eq!(exchange(tenon, zone, &given).1, given, "{name}");
        let mut wrong = given.clone();
        wrong[23] ^= 1;
        assert_ne!(exchange(tenon, zone, &wrong).1, wrong, "{name}");
    }
}

/// Every name around those of the zones, with every type, without EDNS, with it, and with DO.
fn fixed(name: &str, text: &str) {
    let world = World::new(name, &zone_file::read(text));
    let mut random = Rng::with_seed(seed());
    let share = number("TENON_SHARE", 5);
    let mut questions = Vec::new();
    for zone in world.zones() {
        for name in names::around(zone, &mut random) {
            for rrtype in question::TYPES {
                let ways: &[Option<bool>] =
                    if zone.is_signed { &[Some(true), Some(true), Some(false)] } else { &[None, Some(true)] };
                // A share of all, and of each name some.
                if random.u64(..share) == 0 {
                    let edns = ways[random.usize(..ways.len())];
                    questions.push(Question { name: name.clone(), rrtype, edns });
                }
            }
        }
    }
    compare(name, world, &questions);
}

fn compare(name: &str, mut world: World, questions: &[Question]) {
    let mut report = Report::default();
    world.ask(questions, 20, &mut report);
    println!("{name}: {report}");
    tell(name, "alone", &report.alone_cases);
    tell(name, "nobody", &report.nobody_cases);
    assert_eq!(report.alone, 0, "questions in which Tenon stands alone; see above");
    assert!(world.refused().is_empty(), "zones that only Tenon refuses; see above");
}

/// Writes what somebody has to look at into a file, the most frequent first.
fn tell(name: &str, kind: &str, cases: &Cases) {
    let path = std::env::temp_dir().join(format!("tenon-differential-{name}-{kind}"));
    let _ = std::fs::remove_file(&path);
    if cases.is_empty() {
        return;
    }
    let mut file = std::fs::File::create(&path).unwrap();
    let mut shapes: Vec<_> = cases.iter().collect();
    shapes.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
    for (shape, (count, kept)) in shapes {
        writeln!(file, "######## {count} times {shape}").unwrap();
        kept.iter().for_each(|case| writeln!(file, "{case}").unwrap());
    }
    println!("{name}: {} shapes of answers where {kind}, in {}", cases.len(), path.display());
}
