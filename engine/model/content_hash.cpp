#include "engine/model/content_hash.h"

#include <algorithm>
#include <array>
#include <vector>

namespace engine {

Status hashHeader(Sha256& hash, const FileReader& file, std::uint64_t headerBytes) {
    constexpr std::uint64_t kChunk = 256 * 1024;
    hash.add(file.size());
    std::vector<std::byte> chunk(std::min(kChunk, headerBytes));
    for (std::uint64_t done = 0; done < headerBytes;) {
        const std::span<std::byte> part(chunk.data(), std::min(kChunk, headerBytes - done));
        INGLENOOK_TRY(file.read(done, part));
        hash.add(part);
        done += part.size();
    }
    return {};
}

Status hashSamples(Sha256& hash, const FileReader& file, std::uint64_t offset,
                   std::uint64_t bytes) {
    std::array<std::byte, 256> buffer;
    const std::uint64_t length = std::min<std::uint64_t>(buffer.size(), bytes);
    const std::span<std::byte> sample(buffer.data(), length);
    for (const std::uint64_t at : {std::uint64_t{0}, (bytes - length) / 2, bytes - length}) {
        INGLENOOK_TRY(file.read(offset + at, sample));
        hash.add(sample);
    }
    return {};
}

} // namespace engine
