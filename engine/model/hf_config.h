#pragma once
// What a Hugging Face folder says beside its weights: config.json (also in the newer form with
// rope_parameters), generation_config.json, the chat template of tokenizer_config.json.

#include "engine/model/model_config.h"
#include "engine/model/opened_model.h"

#include <filesystem>
#include <string>
#include <string_view>

namespace engine {

/// Hyperparameters from config.json's text; `file` names it in sentences. Not yet validated, and
/// what only the tensors tell (a missing head, biases) is not yet filled in.
Result<ModelConfig> configFromJson(std::string_view text, const std::string& file);

/// Sampling defaults from generation_config.json's text.
Result<PublishedSampling> samplingFromJson(std::string_view text, const std::string& file);

/// The default chat template: chat_template.jinja, or the member of tokenizer_config.json (text, or
/// a list of named templates). Empty when the folder has none.
Result<std::string> chatTemplateOfFolder(const std::filesystem::path& folder);

} // namespace engine
