#include "engine/model/hf_vocabulary.h"

namespace engine {

Result<Vocabulary> vocabularyFromFolder(const std::filesystem::path&) {
    return Vocabulary();
}

} // namespace engine
