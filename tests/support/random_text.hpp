// Random bytes that a failing test can reproduce: every user prints the seed.
#pragma once

#include <cstdint>
#include <random>
#include <string>

inline std::string random_text(std::size_t size_bytes, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string text(size_bytes, '\0');
  for (char& c : text) c = static_cast<char>(random());
  return text;
}
