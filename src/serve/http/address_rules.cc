#include "serve/http/address_rules.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace stapes::serve {
namespace {

namespace ip = boost::asio::ip;

struct V4Block {
  uint32_t first;
  int bits;
};

constexpr uint32_t v4(uint32_t a, uint32_t b, uint32_t c = 0, uint32_t d = 0) {
  return a << 24 | b << 16 | c << 8 | d;
}

constexpr auto kNotPublic = std::to_array<V4Block>({
    {v4(0, 0), 8},          // this network
    {v4(10, 0), 8},         // private
    {v4(100, 64), 10},      // shared by carriers
    {v4(127, 0), 8},        // loopback
    {v4(169, 254), 16},     // link-local, metadata of clouds
    {v4(172, 16), 12},      // private
    {v4(192, 0, 0), 24},    // protocol assignments
    {v4(192, 0, 2), 24},    // documentation
    {v4(192, 88, 99), 24},  // 6to4 relays
    {v4(192, 168), 16},     // private
    {v4(198, 18), 15},      // benchmarks
    {v4(198, 51, 100), 24},
    {v4(203, 0, 113), 24},
    {v4(224, 0), 3},  // multicast, reserved, broadcast
});

bool is_public(const ip::address_v4& address) {
  const uint32_t number = address.to_uint();
  return std::ranges::none_of(kNotPublic, [&](const V4Block& block) {
    return (number ^ block.first) >> (32 - block.bits) == 0;
  });
}

ip::address_v4 v4_at(const ip::address_v6::bytes_type& bytes, size_t offset) {
  return ip::address_v4(ip::address_v4::bytes_type{bytes[offset], bytes[offset + 1],
                                                   bytes[offset + 2], bytes[offset + 3]});
}

bool is_public(const ip::address_v6& address) {
  const auto bytes = address.to_bytes();
  const auto begins_with = [&](std::initializer_list<int> prefix) {
    return std::equal(prefix.begin(), prefix.end(), bytes.begin());
  };
  if (address.is_v4_mapped()) return is_public(v4_at(bytes, 12));
  if (begins_with({0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0}))  // NAT64
    return is_public(v4_at(bytes, 12));
  if ((bytes[0] & 0xe0) != 0x20) return false;  // beyond 2000::/3 nothing is public
  if (begins_with({0x20, 0x02})) return is_public(v4_at(bytes, 2));  // 6to4
  if (begins_with({0x20, 0x01}) && bytes[2] < 2) return false;       // 2001::/23: Teredo and such
  if (begins_with({0x20, 0x01, 0x0d, 0xb8})) return false;           // documentation
  return !(begins_with({0x3f, 0xff}) && bytes[2] < 0x10);            // documentation
}

}  // namespace

bool is_public_address(const ip::address& address) {
  return address.is_v4() ? is_public(address.to_v4()) : is_public(address.to_v6());
}

}  // namespace stapes::serve
