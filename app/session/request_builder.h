#pragma once
// RequestBuilder: from stored messages to what the engine is asked. Pure; any thread but the GUI's,
// because long conversations and templates take time.

#include "app/history/records.h"
#include "app/library/model_card.h"
#include "app/sampling_conversion.h"
#include "app/settings_values.h"
#include "engine/runtime/model_info.h"
#include "engine/runtime/request.h"

namespace app {

/// One answer that is wanted.
struct Question {
    QList<Message> path; // oldest first, up to the user's message
    SamplingValues sampling;
    QString systemPrompt; // goes first, unless the conversation has one of its own
    OverflowChoice overflow = OverflowChoice::Stop;
    QString cutReasoning; // an answer to go on with, as far as it came
    QString cutText;
    engine::Priority priority = engine::Priority::P0;
};

/// Earlier answers go without their reasoning; empty ones are left out, and what a person wrote on
/// both sides of one becomes one message, because many templates insist on taking turns.
/// `model` may be null: then the engine says what it thinks.
engine::Request buildRequest(const Question& question,
                             const std::shared_ptr<const engine::ModelInfo>& model);

/// What a conversation begins with: what was set on the model, else the program's words.
QString systemPromptOf(const ModelDefaults& model, const SettingsValues& program);

ModelStamp stampOf(const engine::ModelInfo& model);

} // namespace app
