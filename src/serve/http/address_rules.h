// Which addresses a client may make this server connect to.
#pragma once

#include <boost/asio/ip/address.hpp>

namespace stapes::serve {

// An address of the public internet: not of this machine, of its networks, of a cloud's metadata
// service or of anything reserved (IANA's special-purpose registries), and not one of those wrapped
// into IPv6.
bool is_public_address(const boost::asio::ip::address& address);

}  // namespace stapes::serve
