#include "host/base/secret.hpp"

#include <cstring>
#include <utility>

#include "host/base/redact.hpp"

namespace pgbak {

Secret::Secret(std::string value) : value_(std::move(value)) { register_secret(value_); }

Secret::~Secret() { explicit_bzero(value_.data(), value_.size()); }

}  // namespace pgbak
