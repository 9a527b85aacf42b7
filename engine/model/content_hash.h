#pragma once
// What a model's content hash covers: the whole header of every file, its size, and samples of
// every tensor's data. Reading all data would take as long as loading the model.

#include "engine/model/file_reader.h"
#include "engine/model/sha256.h"

namespace engine {

/// Adds the first `headerBytes` of a file and its size.
Status hashHeader(Sha256& hash, const FileReader& file, std::uint64_t headerBytes);
/// Adds up to 256 bytes from the start, the middle and the end of [offset, offset + bytes).
Status hashSamples(Sha256& hash, const FileReader& file, std::uint64_t offset, std::uint64_t bytes);

} // namespace engine
