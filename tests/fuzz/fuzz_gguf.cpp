// Any bytes as a GGUF file: opened, its vocabulary read, one tensor converted.
#include "engine/model/opened_model.h"
#include "engine/model/quantize.h"
#include "tests/fuzz/memory_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    const MemoryFile file(bytes, size);
    if (const auto model = engine::openModel(file.path())) {
        for (const engine::TensorInfo& tensor : model->tensors->tensors()) {
            const auto format = engine::resolveMatrixFormat(engine::WeightFormat::Auto, tensor);
            (void)engine::loadMatrix(*model->tensors, tensor, format).ok();
        }
        (void)engine::makeRopeTable(model->config, 2);
    } else {
        (void)engine::openVocabulary(file.path()).ok();
    }
    return 0;
}
