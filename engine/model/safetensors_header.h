#pragma once
// Safetensors header parser, one file. Layout: u64 header length, a JSON object {name: {"dtype",
// "shape", "data_offsets": [begin, end]}, "__metadata__": {text: text}}, then the data; the ranges
// follow one another without hole or overlap and cover the data to its end.

#include "engine/model/file_reader.h"
#include "engine/model/tensor_source.h"

#include <memory>
#include <vector>

namespace engine {

struct SafetensorsTensor {
    TensorInfo info;          // name as the file spells it
    std::uint64_t offset = 0; // from the start of the file [bytes]
};

struct SafetensorsHeader {
    std::shared_ptr<const FileReader> file;
    std::uint64_t dataOffset = 0;           // [bytes from the start of the file]
    std::vector<SafetensorsTensor> tensors; // by offset
};

Result<SafetensorsHeader> parseSafetensors(std::shared_ptr<const FileReader> file);

} // namespace engine
