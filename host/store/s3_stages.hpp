// The ends of a pipeline in a bucket.
#pragma once

#include <memory>
#include <string>

#include "host/store/s3_client.hpp"
#include "host/stream/stage.hpp"

namespace pgbak {

/// Writes an object of any size: a small one by a single PUT at commit(), a larger one by a
/// multipart upload whose parts go up while more comes, and which is completed at commit(). Memory:
/// the parts in flight and the one being filled, each kept until the service has it. `key` is the
/// full key in the bucket; `mark` is this write's alone.
std::unique_ptr<Sink> s3_writer(std::shared_ptr<S3Client> client, std::string key, std::string mark,
                                bool replace);

/// Reads an object; a connection that breaks is taken up again where it broke, as long as the
/// object is the same. Throws Error{not_found}.
std::unique_ptr<Source> s3_reader(std::shared_ptr<S3Client> client, std::string key,
                                  const Stop& stop);

}  // namespace pgbak
