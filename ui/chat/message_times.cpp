#include "ui/chat/message_times.h"

#include "ui/dashboard/waterfall_view.h"
#include "ui/theme.h"

#include <QDialog>
#include <QDialogButtonBox>
#include <QVBoxLayout>

namespace ui {

bool hasTimes(const app::Message& message) {
    return message.stats && message.stats->ttft_us > 0 && !message.source.isFromCache;
}

app::RequestRow requestOf(const app::Message& message) {
    const app::AnswerStats stats = message.stats.value_or(app::AnswerStats());
    app::RequestRow row;
    row.stage = app::RequestStage::Finished;
    row.promptTokens = stats.promptTokens;
    row.prefilledTokens = stats.promptTokens;
    row.cachedTokens = stats.cachedTokens;
    row.generatedTokens = stats.generatedTokens;
    row.tokensPerSecond = stats.tokensPerSecond();
    row.queueWait_us = stats.queueWait_us;
    row.ttft_us = stats.ttft_us;
    row.decode_us = stats.decode_us;
    return row;
}

void openMessageTimes(const app::Message& message, Theme& theme, QWidget* parent) {
    auto* dialog = new QDialog(parent);
    dialog->setObjectName(QStringLiteral("message-times"));
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    auto* waterfall = new WaterfallView(theme);
    waterfall->showRequest(requestOf(message));
    dialog->setWindowTitle(waterfall->accessibleName());
    // Read out when the window opens: the bars themselves are a picture.
    dialog->setAccessibleDescription(waterfall->accessibleDescription());
    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Close);
    QObject::connect(buttons, &QDialogButtonBox::rejected, dialog, &QDialog::reject);
    auto* layout = new QVBoxLayout(dialog);
    layout->setContentsMargins(space::kLarge, space::kLarge, space::kLarge, space::kLarge);
    layout->addWidget(waterfall, 1);
    layout->addWidget(buttons);
    dialog->resize(420, dialog->sizeHint().height());
    dialog->open();
}

} // namespace ui
