// Looks at an Error from the outside: its kind as text, so that a failed check can print it.
#pragma once

#include "host/base/error.hpp"
#include "tests/support/catch.hpp"

/// The Error that `body` throws; fails the test when there is none.
template <typename Body>
pgbak::Error caught(Body body) {
  try {
    body();
  } catch (const pgbak::Error& error) {
    return error;
  }
  FAIL("no Error was thrown");
  throw std::logic_error("not reached");
}

inline std::string kind_of(const pgbak::Error& error) {
  return std::string(pgbak::to_string(error.kind()));
}

/// The kind of the Error that `body` throws.
template <typename Body>
std::string caught_kind(Body body) {
  return kind_of(caught(body));
}
