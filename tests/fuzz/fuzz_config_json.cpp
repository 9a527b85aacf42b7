// Any text as config.json and generation_config.json.
#include "engine/model/hf_config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(bytes), size);
    if (const auto config = engine::configFromJson(text, "config.json");
        config && engine::validate(*config).ok())
        (void)engine::makeRopeTable(*config, 2);
    (void)engine::samplingFromJson(text, "generation_config.json").ok();
    return 0;
}
