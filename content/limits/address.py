from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

NOBODY_KNOWN = "unknown"
# What one household or one rented server is given; addresses within it are for the taking.
PREFIX = 64


def client_network(address: str) -> str:
    """Whom an address stands for: IPv4 itself, also where it is written as IPv6; of IPv6 its /64.

    All who come without an address that can be read share one name.
    """
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return NOBODY_KNOWN
    plain: IPv4Address | IPv6Address = getattr(found, "ipv4_mapped", None) or found
    return str(plain) if plain.version == 4 else str(ip_network((plain, PREFIX), strict=False))
