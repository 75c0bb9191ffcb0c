//! Says of an address what lies behind it: the public internet, something near, or nothing that a request should reach.
//! The ranges are those of the IANA registries of special-purpose addresses (RFC 6890 and its successors); addresses that
//! carry another one inside (IPv4-mapped, NAT64, 6to4) are as what they carry. Names and permission are not known here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Public,
    /// This machine, its network or its provider's; the word says which.
    Near(&'static str),
    /// Where clouds give out the credentials of the machine that asks.
    Metadata,
    /// No server that a request is meant for.
    Nowhere(&'static str),
}

/// Services of cloud providers that answer with credentials; the second half at addresses that look public or private.
const METADATA: [IpAddr; 14] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 0, 23)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 42, 42)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe)),
    IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];

/// Whether a request may be sent to these addresses of a host, all of them; the error says of one why not. `private`
/// allows those that are near. A metadata service must be named by its address: a name for one is a trap.
pub(super) fn vet(host: &str, addresses: &[IpAddr], private: bool) -> Result<(), String> {
    let named = host.parse::<IpAddr>().is_ok();
    for address in addresses {
        let refused = match place(*address) {
            Place::Public => continue,
            Place::Near(_) if private => continue,
            Place::Metadata if private && named => continue,
            Place::Near(what) => {
                format!("is {what}; an entry of `http` with `private = true` for {host} would allow it")
            }
            Place::Metadata if private => {
                "is a cloud's metadata service, which only an entry of `http` with that address may reach".into()
            }
            Place::Metadata => "is a cloud's metadata service".into(),
            Place::Nowhere(what) => format!("is {what}, where no server is"),
        };
        let at = if named { String::new() } else { format!(": its address {address}") };
        return Err(format!("{host} was not contacted{} {refused}", if named { ": it" } else { &at }));
    }
    Ok(())
}

/// Whether what this host has may lie near: any name's addresses may.
pub(super) fn may_be_near(host: &str) -> bool {
    host.parse::<IpAddr>().map_or(true, |address| place(address) != Place::Public)
}

pub(super) fn place(address: IpAddr) -> Place {
    let address = address.to_canonical();
    if METADATA.contains(&address) {
        return Place::Metadata;
    }
    match address {
        IpAddr::V4(address) => v4(address),
        IpAddr::V6(address) => v6(address),
    }
}

fn v4(address: Ipv4Addr) -> Place {
    match address.octets() {
        [0, ..] => Place::Nowhere("unspecified"),
        [127, ..] => Place::Near("this machine (loopback)"),
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Place::Near("private"),
        [169, 254, ..] => Place::Near("link-local"),
        [100, 64..=127, ..] => Place::Near("in the provider's network (shared address space)"),
        [198, 18..=19, ..] => Place::Near("for tests of networks"),
        [192, 0, 0, _] | [192, 88, 99, _] => Place::Nowhere("reserved"),
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Place::Nowhere("for documentation"),
        [224..=239, ..] => Place::Nowhere("multicast"),
        [240..=255, ..] => Place::Nowhere("reserved"),
        _ => Place::Public,
    }
}

fn v6(address: Ipv6Addr) -> Place {
    let inside = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        place(IpAddr::V4(Ipv4Addr::new(a, b, c, d)))
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Place::Nowhere("unspecified"),
        [0, 0, 0, 0, 0, 0, 0, 1] => Place::Near("this machine (loopback)"),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => inside(high, low),
        [0x64, 0xff9b, 1, ..] => Place::Near("translated by the local network"),
        [0x2002, high, low, ..] => inside(high, low),
        [0xfc00..=0xfdff, ..] => Place::Near("private"),
        [0xfe80..=0xfebf, ..] => Place::Near("link-local"),
        [0xfec0..=0xfeff, ..] => Place::Near("private"),
        [0xff00..=0xffff, ..] => Place::Nowhere("multicast"),
        // Teredo, ORCHID and other protocols' own.
        [0x2001, 0..=0x1ff, ..] => Place::Nowhere("reserved"),
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Place::Nowhere("for documentation"),
        [0x2000..=0x3fff, ..] => Place::Public,
        _ => Place::Nowhere("reserved"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_special_address_is_known() {
        let near = |address: &str| assert!(matches!(place(address.parse().unwrap()), Place::Near(_)), "{address}");
        let nowhere =
            |address: &str| assert!(matches!(place(address.parse().unwrap()), Place::Nowhere(_)), "{address}");
        let is = |address: &str, expected: Place| assert_eq!(place(address.parse().unwrap()), expected, "{address}");
        for address in ["127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1"] {
            near(address);
            for carried in [format!("::ffff:{address}"), format!("64:ff9b::{address}")] {
                near(&carried);
            }
        }
        for address in ["169.254.1.1", "100.64.0.1", "100.127.255.255", "198.18.0.1", "198.19.255.255"] {
            near(address);
        }
        for address in ["::1", "fc00::1", "fdff::1", "fe80::1", "febf::1", "fec0::1", "64:ff9b:1::1", "2002:7f00:1::"] {
            near(address);
        }
        for address in ["0.0.0.0", "0.1.2.3", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"] {
            nowhere(address);
            nowhere(&format!("::ffff:{address}"));
        }
        for address in
            ["192.0.0.1", "192.0.2.1", "198.51.100.1", "203.0.113.1", "192.88.99.1", "::", "ff02::1", "2001::1"]
        {
            nowhere(address);
        }
        for address in ["2001:db8::1", "3fff::1", "100::1", "::7f00:1", "::8.8.8.8", "4000::1", "2001:20::1", "5f00::1"]
        {
            nowhere(address);
        }
        for address in ["8.8.8.8", "172.15.0.1", "172.32.0.1", "100.63.0.1", "100.128.0.1", "198.17.0.1", "198.20.0.1"]
        {
            is(address, Place::Public);
            is(&format!("::ffff:{address}"), Place::Public);
        }
        for address in ["1.1.1.1", "223.255.255.255", "2606:4700::1111", "2002:808:808::", "64:ff9b::808:808"] {
            is(address, Place::Public);
        }
        for address in ["169.254.169.254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::"] {
            is(address, Place::Metadata);
        }
        for address in [
            "100.100.100.200",
            "168.63.129.16",
            "169.254.0.23",
            "169.254.42.42",
            "169.254.170.2",
            "169.254.170.23",
            "192.0.0.192",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "fd00:42::42",
            "fd00:c1::a9fe:a9fe",
            "fe80::a9fe:a9fe",
        ] {
            is(address, Place::Metadata);
        }
    }

    #[test]
    fn all_addresses_of_a_host_must_pass() {
        let check = |host: &str, addresses: &[&str], private: bool, said: &str| {
            let addresses: Vec<IpAddr> = addresses.iter().map(|address| address.parse().unwrap()).collect();
            match vet(host, &addresses, private) {
                Ok(()) => assert_eq!(said, "", "{host} {addresses:?}"),
                Err(reason) => assert!(!said.is_empty() && reason.contains(said), "{reason}"),
            }
        };
        check("a.example", &["8.8.8.8", "2606:4700::1111"], false, "");
        check(
            "a.example",
            &["8.8.8.8", "10.0.0.1"],
            false,
            "a.example was not contacted: its address 10.0.0.1 is private",
        );
        check("a.example", &["10.0.0.1"], false, "`private = true` for a.example would allow it");
        check("a.example", &["8.8.8.8", "10.0.0.1"], true, "");
        check("a.example", &["169.254.169.254"], true, "only an entry of `http` with that address");
        check("a.example", &["169.254.169.254"], false, "metadata");
        check("169.254.169.254", &["169.254.169.254"], true, "");
        check("169.254.169.254", &["169.254.169.254"], false, "169.254.169.254 was not contacted: it is a cloud's");
        check("a.example", &["0.0.0.0"], true, "unspecified, where no server is");
        check("224.0.0.1", &["224.0.0.1"], true, "224.0.0.1 was not contacted: it is multicast");
    }
}
