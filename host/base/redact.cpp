#include "host/base/redact.hpp"

#include <algorithm>
#include <array>
#include <mutex>
#include <vector>

#include "host/base/text.hpp"

namespace pgbak {
namespace {

constexpr std::string_view kMask = "***";
constexpr std::size_t kShortestSearched = 4;

struct Registry {
  std::mutex mutex;
  std::vector<std::string> words;  // longest first, so that a prefix never unmasks a tail
};

Registry& registry() {
  static Registry instance;
  return instance;
}

void replace_all(std::string& text, std::string_view word) {
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at)) {
    text.replace(at, word.size(), kMask);
    at += kMask.size();
  }
}

void mask_url_passwords(std::string& text) {
  for (std::size_t at = text.find("://"); at != std::string::npos; at = text.find("://", at)) {
    at += 3;
    const std::size_t end = text.find_first_of(" \t\n\"'<>", at);
    const std::size_t stop = end == std::string::npos ? text.size() : end;
    // The last '@' before the query: an unencoded '@' or '/' belongs to the password then.
    const std::size_t query = std::min(text.find('?', at), stop);
    const std::size_t host = text.rfind('@', query);
    if (host == std::string::npos || host < at) continue;
    const std::size_t colon = text.find(':', at);
    if (colon == std::string::npos || colon >= host) continue;
    text.replace(colon + 1, host - colon - 1, kMask);
  }
}

void mask_parameter(std::string& text, std::string_view key) {
  for (std::size_t at = text.find(key); at != std::string::npos; at = text.find(key, at)) {
    at += key.size();
    std::size_t equals = at;
    while (equals < text.size() && text[equals] == ' ') ++equals;
    if (equals >= text.size() || text[equals] != '=') continue;
    std::size_t begin = equals + 1;
    while (begin < text.size() && text[begin] == ' ') ++begin;
    std::size_t end = begin;
    if (end < text.size() && text[end] == '\'') {
      ++begin;
      for (end = begin; end < text.size() && text[end] != '\''; ++end) {
        if (text[end] == '\\') ++end;
      }
      end = std::min(end, text.size());
    } else {
      end = std::min(text.find_first_of(" \t\n&\"'", begin), text.size());
    }
    text.replace(begin, end - begin, kMask);
    at = begin + kMask.size();
  }
}

}  // namespace

void register_secret(std::string_view value) {
  if (value.size() < kShortestSearched) return;
  Registry& known = registry();
  const std::scoped_lock lock(known.mutex);
  for (const std::string& word : {std::string(value), percent_encode(value, false)}) {
    if (std::find(known.words.begin(), known.words.end(), word) == known.words.end()) {
      known.words.push_back(word);
    }
  }
  std::sort(known.words.begin(), known.words.end(),
            [](const std::string& a, const std::string& b) { return a.size() > b.size(); });
}

std::string redact(std::string_view text) {
  std::string out(text);
  {
    Registry& known = registry();
    const std::scoped_lock lock(known.mutex);
    for (const std::string& word : known.words) replace_all(out, word);
  }
  return redact_patterns(out);
}

std::string redact_patterns(std::string_view text) {
  std::string out(text);
  mask_url_passwords(out);
  for (const std::string_view key : {"password", "PGPASSWORD"}) mask_parameter(out, key);
  return out;
}

void redact_strings(Json& json) {
  if (json.is_string()) {
    json = redact(json.get<std::string>());
  } else if (json.is_structured()) {
    for (Json& child : json) redact_strings(child);
  }
}

}  // namespace pgbak
