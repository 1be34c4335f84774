// The checksums that S3 services take beside the signed payload.
#include <libdeflate.h>
#include <openssl/evp.h>

#include <array>

#include "host/base/error.hpp"
#include "host/store/s3_client.hpp"

namespace pgbak {
namespace {

std::string base64(const unsigned char* data, std::size_t size) {
  std::string out(4 * ((size + 2) / 3) + 1, '\0');
  const int length =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), data, static_cast<int>(size));
  out.resize(static_cast<std::size_t>(length));
  return out;
}

std::string digest(const EVP_MD* kind, Bytes data) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned size = 0;
  if (EVP_Digest(data.data(), data.size(), out.data(), &size, kind, nullptr) != 1) {
    throw Error(ErrorKind::internal, "s3", "openssl refused a digest");
  }
  return base64(out.data(), size);
}

std::string crc32_of(Bytes data) {
  const std::uint32_t crc = libdeflate_crc32(0, data.data(), data.size());
  const std::array<unsigned char, 4> big_endian{
      static_cast<unsigned char>(crc >> 24U), static_cast<unsigned char>(crc >> 16U),
      static_cast<unsigned char>(crc >> 8U), static_cast<unsigned char>(crc)};
  return base64(big_endian.data(), big_endian.size());
}

}  // namespace

ChecksumHeader checksum_of(Checksum kind, Bytes data) {
  switch (kind) {
    case Checksum::none:
      break;
    case Checksum::md5: {
      const std::string value = digest(EVP_md5(), data);
      return {{{"content-md5", value}}, value};
    }
    case Checksum::sha256: {
      const std::string value = digest(EVP_sha256(), data);
      return {{{"x-amz-checksum-sha256", value}}, value};
    }
    case Checksum::crc32: {
      const std::string value = crc32_of(data);
      return {{{"x-amz-checksum-crc32", value}}, value};
    }
  }
  return {};
}

std::string base64_of_hex(const std::string& hex) {
  std::string raw;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    raw += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  return base64(reinterpret_cast<const unsigned char*>(raw.data()), raw.size());
}

std::string checksum_algorithm(Checksum kind) {
  if (kind == Checksum::sha256) return "SHA256";
  return kind == Checksum::crc32 ? "CRC32" : "";
}

}  // namespace pgbak
