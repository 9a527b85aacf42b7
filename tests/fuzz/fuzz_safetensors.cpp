// Any bytes as a safetensors file.
#include "engine/model/safetensors_file.h"
#include "tests/fuzz/memory_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    const MemoryFile memory(bytes, size);
    const auto file = engine::FileReader::open(memory.path());
    const auto header = engine::parseSafetensors(*file);
    if (header && !header->tensors.empty())
        (void)engine::readSafetensorsArray(memory.path(), header->tensors.back().info.name).ok();
    return 0;
}
