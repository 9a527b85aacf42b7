#pragma once
// The sign of what goes on in a chat: a shape of its own each, so that colour is never alone. Tabs,
// the list of chats and agents show the same ones.

#include "app/history/records.h"
#include "ui/theme.h"

namespace ui {

struct StateSign {
    QString icon; ///< empty: nothing is shown
    QColor Palette::*color = &Palette::muted;
};

inline StateSign stateSign(app::ConversationState state) {
    switch (state) {
    case app::ConversationState::Running:
        return {QStringLiteral("flame"), &Palette::accent};
    case app::ConversationState::Queued:
        return {QStringLiteral("more"), &Palette::muted};
    case app::ConversationState::Done:
        return {QStringLiteral("check"), &Palette::ok};
    case app::ConversationState::Failed:
        return {QStringLiteral("warning"), &Palette::bad};
    case app::ConversationState::Idle:
        break;
    }
    return {};
}

} // namespace ui
